"""LIBMF: factors without biases by stochastic gradient descent, in C++ on every core."""

import os


def variants(data_set):
    return {"LIBMF": {"k": 32, "nr_iters": 20, "lambda_p2": 0.05, "lambda_q2": 0.05, "eta": 0.1}}


def prepare(rows, settings):
    import numpy as np

    # Its interface takes everything as float32, which holds integers up to 16 million.
    return np.column_stack([rows.users, rows.items, rows.values]).astype(np.float32)


def fit(triples, settings, seed):
    from libmf.mf import MF

    settings = {"lambda_p1": 0.0, "lambda_q1": 0.0} | settings
    model = MF(nr_threads=os.cpu_count(), quiet=True, **settings)
    model.fit(triples)
    return model


def predict(model, rows, settings):
    import numpy as np

    return model.predict(np.column_stack([rows.users, rows.items]))
