"""irspack: iALS, item neighbours and random walks in C++, and EASE as DenseSLIM."""

from itertools import product


def variants(data_set):
    # The formula of iALS is that of tastemap's, and so is the grid.
    als = {"model": "IALSRecommender", "n_components": 64, "train_epochs": 15}
    als |= {"solver_type": "CHOLESKY"}
    knn, walk = {"model": "CosineKNNRecommender"}, {"model": "RP3betaRecommender"}
    return {
        "irspack EASE (DenseSLIM)": [
            {"model": "DenseSLIMRecommender", "blas": "all", "reg": one}
            for one in (30.0, 100.0, 200.0, 400.0, 800.0, 1600.0)
        ],
        "irspack iALS": [
            als | {"alpha0": alpha, "reg": one}
            for alpha, one in product((0.03, 0.1, 0.3), (0.005, 0.01, 0.02, 0.05))
        ],
        "irspack cosine": [
            knn | {"normalize": True, "top_k": k, "shrinkage": shrinkage}
            for k, shrinkage in product((50, 100, 200, 400), (0.0, 10.0, 30.0, 100.0))
        ],
        "irspack RP3beta": [
            walk | {"top_k": k, "alpha": alpha, "beta": beta}
            for k, alpha, beta in product((50, 100, 200), (0.6, 1.0), (0.2, 0.4, 0.6))
        ],
    }


def prepare(rows, settings):
    import numpy as np
    from scipy.sparse import csr_matrix

    ones = np.ones(len(rows.users), np.float64)
    return csr_matrix((ones, (rows.users, rows.items)), shape=(rows.n_users, rows.n_items))


def fit(matrix, settings, seed):
    import irspack

    settings = {name: value for name, value in settings.items() if name != "blas"}
    kind = settings.pop("model")
    if kind == "IALSRecommender":
        settings["random_seed"] = seed
    return getattr(irspack, kind)(matrix, **settings).learn()


def scores(model, users):
    import numpy as np

    found = model.get_score(np.asarray(users, np.int64))
    return found.toarray() if hasattr(found, "toarray") else found
