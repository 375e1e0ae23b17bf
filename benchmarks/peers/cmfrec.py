"""cmfrec: alternating least squares with biases as coordinates, in C with OpenMP.

With implicit features, which items a user rated is factorized along with how high.
"""


def variants(data_set):
    plain = {"k": 40, "lambda_": 10.0, "scale_lam": False}
    return {
        "cmfrec": plain,
        "cmfrec, implicit features": plain | {"add_implicit_features": True},
    }


def prepare(rows, settings):
    from scipy.sparse import coo_matrix

    shape = (rows.n_users, rows.n_items)
    return coo_matrix((rows.values, (rows.users, rows.items)), shape=shape)


def fit(matrix, settings, seed):
    from cmfrec import CMF

    settings = {"precompute_for_predictions": False, "include_all_X": False} | settings
    return CMF(random_state=seed, verbose=False, **settings).fit(matrix)


def predict(model, rows, settings):
    return model.predict(rows.users, rows.items)
