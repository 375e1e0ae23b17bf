"""cmfrec: alternating least squares with biases as coordinates, in C with OpenMP.

With implicit features, which items a user rated is factorized along with how high.
"""


def variants(data_set):
    # Chosen (results/choices.md); 25M and 100M as 10M.
    folds = data_set.startswith("ml-100k")
    if data_set == "bundled" or folds:
        plain = {"k": 20 if folds else 40, "lambda_": 15.0 if folds else 10.0, "scale_lam": False}
    else:
        small = data_set == "1M"
        plain = {"k": 10 if small else 20, "lambda_": 15.0 if small else 30.0, "scale_lam": False}
        return {"cmfrec": plain}
    implicit = {"add_implicit_features": True}
    if folds:
        implicit |= {"lambda_": 10.0, "w_implicit": 1.0}
    return {
        "cmfrec": plain,
        "cmfrec, implicit features": plain | implicit,
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
