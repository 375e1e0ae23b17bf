"""implicit's ALS, in C++ with OpenMP. It ranks and predicts no ratings: time only."""


def variants(data_set):
    return {"implicit ALS": {"factors": 32, "iterations": 15}}


def prepare(rows, settings):
    from scipy.sparse import csr_matrix

    shape = (rows.n_users, rows.n_items)
    return csr_matrix((rows.values, (rows.users, rows.items)), shape=shape)


def fit(matrix, settings, seed):
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(random_state=seed, use_gpu=False, **settings)
    model.fit(matrix, show_progress=False)
    return model


def predict(model, rows, settings):
    return None
