"""tastemap itself. Settings are the fields of the recipe."""


def variants(data_set):
    als = {"recipe": "BiasedMF", "solver": "als"}
    bayes = {"recipe": "BayesianMF", "calibration": 0.0}
    ids_only = bayes | {"rated_items": False, "raters": False}
    # ALS with its default of 50 factors on real ratings; made ones have 20.
    small = data_set == "bundled" or data_set.startswith("ml-100k")
    rows = {"tastemap ALS": als if small else als | {"factors": 20}}
    if not small:
        rows["tastemap ALS, three sweeps"] = als | {"factors": 20, "sweeps": 3}
    if small:
        rows |= {
            "tastemap Bayesian, ids only": ids_only,
            "tastemap Bayesian": bayes,
            "tastemap Bayesian, with intervals": bayes | {"calibration": 0.2},
            "tastemap Bayesian, days": bayes | {"days": True},
            "tastemap Bayesian, days, ordinal": bayes | {"days": True, "likelihood": "ordinal"},
        }
    elif data_set == "1M":
        rows |= {"tastemap Bayesian, ids only": ids_only, "tastemap Bayesian": bayes}
    return rows


def prepare(rows, settings):
    from data_sets import as_ratings

    return as_ratings(rows)


def fit(ratings, settings, seed):
    import tastemap

    settings = dict(settings)
    return getattr(tastemap, settings.pop("recipe"))(**settings).fit(ratings, seed=seed)


def predict(recommender, rows, settings):
    times = rows.times if settings.get("days") else None
    return recommender.predict_codes(rows.users, rows.items, times).values
