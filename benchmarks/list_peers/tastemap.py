"""tastemap itself. Settings are the fields of the recipe."""

from itertools import product


def variants(data_set):
    als = {"recipe": "ImplicitALS", "factors": 64, "sweeps": 15}
    knn, walk = {"recipe": "ItemKNN"}, {"recipe": "RP3beta"}
    return {
        "tastemap Popularity": [{"recipe": "Popularity"}],
        "tastemap EASE": [
            {"recipe": "EASE", "blas": "all", "regularization": one}
            for one in (30, 100, 200, 400, 800, 1600)
        ],
        "tastemap ImplicitALS": [
            als | {"unobserved": unobserved, "regularization": regularization}
            for unobserved, regularization in product((0.03, 0.1, 0.3), (0.005, 0.01, 0.02, 0.05))
        ],
        "tastemap ItemKNN": [
            knn | {"neighbours": neighbours, "shrinkage": shrinkage}
            for neighbours, shrinkage in product((50, 100, 200, 400), (0, 10, 30, 100))
        ],
        "tastemap RP3beta": [
            walk | {"neighbours": neighbours, "alpha": alpha, "beta": beta}
            for neighbours, alpha, beta in product((50, 100, 200), (0.6, 1.0), (0.2, 0.4, 0.6))
        ],
        "tastemap Blend, as it comes": [{"recipe": "Blend"}],
    }


def prepare(rows, settings):
    from dataclasses import replace

    import numpy as np
    from data_sets import as_ratings

    ratings = as_ratings(rows)
    return replace(ratings, values=np.ones(len(ratings), np.float32), explicit=False)


def fit(ratings, settings, seed):
    import tastemap

    settings = {name: value for name, value in settings.items() if name != "blas"}
    return getattr(tastemap, settings.pop("recipe"))(**settings).fit(ratings, seed=seed)


def scores(recommender, users):
    import numpy as np

    return recommender.score_codes(np.asarray(users, np.int32))
