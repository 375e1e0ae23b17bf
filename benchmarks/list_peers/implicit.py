"""implicit: ALS in C++ with OpenMP, and its item neighbours."""

from itertools import product


def variants(data_set):
    als = {"model": "als", "factors": 64, "iterations": 15}
    grid = product((3.0, 10.0, 30.0), (1.0, 3.0, 10.0, 30.0))
    return {
        # The weight of what was taken is alpha, that of everything else 1.
        "implicit ALS": [als | {"alpha": alpha, "regularization": one} for alpha, one in grid],
        "implicit cosine": [{"model": "cosine", "K": k} for k in (50, 100, 200, 400)],
        "implicit TF-IDF": [{"model": "tfidf", "K": k} for k in (50, 100, 200, 400)],
        "implicit BM25": [
            {"model": "bm25", "K": k, "K1": k1, "B": b}
            for k, k1, b in product((50, 100, 200), (0.5, 1.2), (0.2, 0.5, 0.8))
        ],
    }


def prepare(rows, settings):
    import numpy as np
    from scipy.sparse import csr_matrix

    ones = np.ones(len(rows.users), np.float32)
    return csr_matrix((ones, (rows.users, rows.items)), shape=(rows.n_users, rows.n_items))


def fit(matrix, settings, seed):
    from implicit.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

    settings = dict(settings)
    kind = settings.pop("model")
    if kind == "als":
        model = AlternatingLeastSquares(random_state=seed, use_gpu=False, **settings)
    else:
        neighbours = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender}
        model = (neighbours | {"bm25": BM25Recommender})[kind](**settings)
    model.fit(matrix, show_progress=False)
    return model, matrix


def scores(fitted, users):
    model, matrix = fitted
    if hasattr(model, "user_factors"):
        return model.user_factors[users] @ model.item_factors.T
    return (matrix[users] @ model.similarity).toarray()
