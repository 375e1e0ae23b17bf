"""LensKit's BiasedMF: damped biases fitted once, then factors by ALS, in Rust on every core."""


def variants(data_set):
    # Chosen (results/choices.md); 25M and 100M as 10M.
    small = data_set == "bundled" or data_set.startswith("ml-100k")
    factors = 50 if small else (10 if data_set == "1M" else 20)
    penalty = 0.15 if small else 0.1
    settings = {"features": factors, "epochs": 10, "regularization": penalty, "damping": 5.0}
    return {"LensKit ALS": settings}


def prepare(rows, settings):
    import pandas as pd
    from lenskit.data import from_interactions_df

    columns = {"user_id": rows.users, "item_id": rows.items, "rating": rows.values}
    return from_interactions_df(pd.DataFrame(columns))


def fit(data, settings, seed):
    from lenskit.als import BiasedMFScorer
    from lenskit.training import TrainingOptions

    model = BiasedMFScorer(**settings)
    model.train(data, TrainingOptions(rng=seed))
    return model


def predict(model, rows, settings):
    import numpy as np

    users = model.users.numbers(rows.users)
    items = model.items.numbers(rows.items)
    bias = model.bias
    factors = np.einsum("nk,nk->n", model.user_embeddings[users], model.item_embeddings[items])
    return bias.global_bias + bias.user_biases[users] + bias.item_biases[items] + factors
