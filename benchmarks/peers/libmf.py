"""LIBMF: factors without biases by stochastic gradient descent, in C++ on every core."""

import os


def variants(data_set):
    # Chosen (results/choices.md); ML-100K as the bundled set, 25M and 100M as 10M.
    if data_set == "bundled" or data_set.startswith("ml-100k"):
        settings = {"k": 32, "lambda_p2": 0.05, "lambda_q2": 0.1, "nr_iters": 40}
    elif data_set == "1M":
        settings = {"k": 20, "lambda_p2": 0.1, "lambda_q2": 0.05, "nr_iters": 40}
    else:
        settings = {"k": 20, "lambda_p2": 0.05, "lambda_q2": 0.05, "nr_iters": 20}
    return {"LIBMF": settings | {"eta": 0.05}}


def prepare(rows, settings):
    import numpy as np

    # Its interface takes everything as float32, which holds integers up to 16 million.
    return np.column_stack([rows.users, rows.items, rows.values]).astype(np.float32)


def fit(triples, settings, seed):
    from libmf.mf import MF

    settings = {"lambda_p1": 0.0, "lambda_q1": 0.0} | settings
    model = MF(nr_threads=os.cpu_count(), quiet=True, **settings)
    model.fit(triples)
    return model.p_factors(), model.q_factors()


def predict(factors, rows, settings):
    import numpy as np

    # The binding's own predict does not give these products, and is far off.
    users, items = factors
    return np.einsum("nk,nk->n", users[rows.users], items[rows.items])
