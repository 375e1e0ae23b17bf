"""scikit-surprise's SVD: biases and factors by stochastic gradient descent, on one core."""

from collections import defaultdict


def variants(data_set):
    if data_set == "100M":
        return {}  # lists of tuples do not fit into memory
    # Chosen (results/choices.md); larger sets as 1M.
    small = data_set == "bundled" or data_set.startswith("ml-100k")
    if small:
        settings = {"n_factors": 100, "n_epochs": 40, "lr_all": 0.01, "reg_all": 0.1}
    else:
        settings = {"n_factors": 20, "n_epochs": 20, "lr_all": 0.01, "reg_all": 0.05}
    return {"scikit-surprise SVD": settings}


def prepare(rows, settings):
    from surprise import Trainset

    # What Dataset.build_full_trainset makes, without texts for ids. SVD needs no lists by item.
    by_user = defaultdict(list)
    for user, item, value in zip(
        rows.users.tolist(), rows.items.tolist(), rows.values.tolist(), strict=True
    ):
        by_user[user].append((item, value))
    users, items = (dict(enumerate(range(n))) for n in (rows.n_users, rows.n_items))
    scale = (float(rows.values.min()), float(rows.values.max()))
    return Trainset(by_user, {}, rows.n_users, rows.n_items, len(rows.values), scale, users, items)


def fit(trainset, settings, seed):
    from surprise import SVD

    model = SVD(random_state=seed, **settings)
    model.fit(trainset)
    return model, trainset.global_mean


def predict(fitted, rows, settings):
    import numpy as np

    model, mean = fitted
    factors = np.einsum("nk,nk->n", model.pu[rows.users], model.qi[rows.items])
    return mean + model.bu[rows.users] + model.bi[rows.items] + factors
