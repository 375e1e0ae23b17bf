"""myFM: Bayesian factorization machines by Gibbs sampling, in C++ on one core.

As blocks, after Rendle, Zhang & Koren 2019, "On the difficulty of evaluating baselines": which
items a user rated (SVD++), who rated an item (flipped), and the day of the rating.
"""

SECONDS_A_DAY = 86_400


def variants(data_set):
    # Rank 8 against 16 on the small sets, chosen (results/choices.md); 1M takes the same.
    plain = {"rank": 8, "n_iter": 200, "n_kept_samples": 160}
    blocks = plain | {"blocks": True}
    if data_set == "1M":
        return {"myFM": plain}
    if data_set == "bundled" or data_set.startswith("ml-100k"):
        return {
            "myFM": plain,
            "myFM, SVD++ and flipped": blocks,
            "myFM, SVD++, flipped, day": blocks | {"days": True},
        }
    return {}  # hours


def prepare(rows, settings):
    from scipy import sparse

    if not settings.get("blocks"):
        return _one_hot(rows), rows, None
    n_users, n_items = rows.n_users, rows.n_items
    rated = sparse.csr_matrix(
        ([1.0] * len(rows.users), (rows.users, rows.items)), shape=(n_users, n_items)
    )
    blocks = [
        sparse.hstack([sparse.eye(len_), _normed(matrix)], format="csr")
        for len_, matrix in ((n_users, rated), (n_items, rated.T.tocsr()))
    ]
    return (_days(rows, rows) if settings.get("days") else None), rows, blocks


def _one_hot(rows):
    import numpy as np
    from scipy import sparse

    n = len(rows.users)
    columns = np.column_stack([rows.users, rows.n_users + rows.items]).ravel()
    shape = (n, rows.n_users + rows.n_items)
    return sparse.csr_matrix((np.ones(2 * n), columns, np.arange(0, 2 * n + 1, 2)), shape=shape)


def _normed(rated):
    """Rows divided by the square root of how many ones they have."""
    import numpy as np
    from scipy import sparse

    counts = np.maximum(np.diff(rated.indptr), 1)
    return sparse.diags(1 / np.sqrt(counts)) @ rated


def _days(rows, train):
    """One column a day with training ratings; other days have none."""
    import numpy as np
    from scipy import sparse

    days = np.unique(train.times // SECONDS_A_DAY)
    mine = rows.times // SECONDS_A_DAY
    place = np.minimum(np.searchsorted(days, mine), len(days) - 1)
    known = days[place] == mine
    at = (np.flatnonzero(known), place[known])
    return sparse.csr_matrix((np.ones(known.sum()), at), shape=(len(mine), len(days)))


def _relations(rows, blocks):
    from myfm import RelationBlock

    return [
        RelationBlock(codes.tolist(), block)
        for codes, block in zip((rows.users, rows.items), blocks, strict=True)
    ]


def _groups(table, blocks):
    tables = [table] if table is not None else []
    shapes = [one.shape[1] for one in tables]
    for own, other in ((0, 1), (1, 0)):
        shapes += [blocks[own].shape[0], blocks[other].shape[0]]
    return shapes


def fit(prepared, settings, seed):
    from myfm import MyFMRegressor
    from scipy import sparse

    table, rows, blocks = prepared
    model = MyFMRegressor(rank=settings["rank"], random_seed=seed)
    sizes = {name: settings[name] for name in ("n_iter", "n_kept_samples")}
    if blocks is None:
        model.fit(table, rows.values, group_shapes=[rows.n_users, rows.n_items], **sizes)
    else:
        first = sparse.csr_matrix((len(rows.values), 0)) if table is None else table
        model.fit(
            first,
            rows.values,
            X_rel=_relations(rows, blocks),
            group_shapes=_groups(table, blocks),
            **sizes,
        )
    return model, rows, blocks


def predict(fitted, rows, settings):
    model, train, blocks = fitted
    if blocks is None:
        return model.predict(_one_hot(rows))
    table = _days(rows, train) if settings.get("days") else None
    return model.predict(table, X_rel=_relations(rows, blocks))
