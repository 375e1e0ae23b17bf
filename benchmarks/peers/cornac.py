"""Cornac's MF: biases and factors by stochastic gradient descent, in Cython with OpenMP.

It goes through the rows in the order they come in, so they must be shuffled, and they are.
"""


def variants(data_set):
    # Chosen (results/choices.md); 25M and 100M as 10M.
    small = data_set == "bundled" or data_set.startswith("ml-100k")
    factors, sweeps, penalty = (80, 80, 0.1) if small else (10, 20, 0.02)
    if data_set == "1M":
        sweeps, penalty = 40, 0.05
    settings = {"k": factors, "max_iter": sweeps, "lambda_reg": penalty}
    return {"Cornac MF": settings | {"learning_rate": 0.01}}


def prepare(rows, settings):
    import numpy as np
    from cornac.data import Dataset

    # What Dataset.build makes out of tuples, without its loop in Python.
    columns = (rows.users.astype(int), rows.items.astype(int), rows.values.astype(float))
    users, items = (dict(enumerate(range(n))) for n in (rows.n_users, rows.n_items))
    assert np.all(columns[2] > 0)
    return Dataset(rows.n_users, rows.n_items, users, items, columns, seed=0)


def fit(data, settings, seed):
    from cornac.models import MF

    return MF(seed=seed, **settings).fit(data)


def predict(model, rows, settings):
    import numpy as np

    factors = np.einsum("nk,nk->n", model.u_factors[rows.users], model.i_factors[rows.items])
    return model.global_mean + model.u_biases[rows.users] + model.i_biases[rows.items] + factors
