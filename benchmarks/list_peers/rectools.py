"""RecTools' EASE, in NumPy."""


def variants(data_set):
    grid = (30.0, 100.0, 200.0, 400.0, 800.0, 1600.0)
    return {"RecTools EASE": [{"blas": "all", "regularization": one} for one in grid]}


def prepare(rows, settings):
    import numpy as np
    import pandas as pd
    from rectools.dataset import Dataset

    columns = {"user_id": rows.users, "item_id": rows.items}
    columns |= {"weight": np.ones(len(rows.users), np.float32), "datetime": pd.Timestamp(0)}
    return Dataset.construct(pd.DataFrame(columns)), rows.n_items


def fit(prepared, settings, seed):
    from rectools.models import EASEModel

    dataset, n_items = prepared
    model = EASEModel(regularization=settings["regularization"])
    return model.fit(dataset), dataset, n_items


def scores(fitted, users):
    import numpy as np

    model, dataset, n_items = fitted
    rows = dataset.get_user_item_matrix()[dataset.user_id_map.convert_to_internal(users)]
    found = np.full((len(users), n_items), -np.inf, np.float32)
    # It has codes of its own, and none for items that nobody took.
    found[:, dataset.item_id_map.external_ids.astype(int)] = rows @ model.weight
    return found
