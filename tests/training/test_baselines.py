import numpy as np
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.errors import ConfigError, DataError
from tests.conftest import make_ratings


def test_biases_solve_the_damped_least_squares(small: Ratings) -> None:
    model = tm.BiasesOnly(user_damping=2, item_damping=3, sweeps=300).fit(small).model
    # Naive twin: one dense ridge problem over all biases.
    design = np.zeros((len(small), small.n_users + small.n_items))
    design[np.arange(len(small)), small.users] = 1
    design[np.arange(len(small)), small.n_users + small.items] = 1
    penalty = np.diag([2.0] * small.n_users + [3.0] * small.n_items)
    target = design.T @ (small.values - small.mean)
    expected = np.linalg.solve(design.T @ design + penalty, target)
    found = np.concatenate([model.user_bias, model.item_bias])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_weights_count_as_repeated_ratings() -> None:
    twice = make_ratings([(1, 1, 5.0), (1, 1, 5.0), (2, 1, 2.0), (2, 2, 3.0)])
    once = twice.take(np.array([1, 2, 3]))
    weighted = Ratings(
        users=once.users,
        items=once.items,
        values=once.values,
        weights=np.array([2, 1, 1], np.float32),
        user_ids=once.user_ids,
        item_ids=once.item_ids,
        catalog=once.catalog,
    )
    for recipe in (tm.GlobalMean(), tm.BiasesOnly()):
        a, b = recipe.fit(twice).model, recipe.fit(weighted).model
        assert a.mean == pytest.approx(b.mean)
        np.testing.assert_allclose(a.user_bias, b.user_bias, atol=1e-6)


def test_nobody_and_nothing_without_ratings_has_a_bias(small: Ratings) -> None:
    model = tm.BiasesOnly(user_damping=0, item_damping=0).fit(small.take(small.users != 5)).model
    assert model.user_bias[5] == 0


def test_the_baselines_on_the_bundled_ratings(notebook_split: Split) -> None:
    mean = tm.GlobalMean().fit(notebook_split.train, notebook_split.valid)
    biases = tm.BiasesOnly().fit(notebook_split.train, notebook_split.valid)
    assert mean.evaluation is not None
    assert biases.evaluation is not None
    assert 1.09 < mean.evaluation.mse < 1.13
    assert 0.77 < biases.evaluation.mse < 0.81


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ConfigError, match="user_damping must be a number at least 0"):
        tm.BiasesOnly(user_damping=-1)
    with pytest.raises(ConfigError, match="sweeps must be an integer of at least 1, got 0"):
        tm.BiasesOnly(sweeps=0)


def test_fit_refuses_what_it_cannot_use(small: Ratings) -> None:
    with pytest.raises(DataError, match="no ratings to train on"):
        tm.GlobalMean().fit(small.take(np.zeros(0, np.int64)))
    with pytest.raises(DataError, match="different ids"):
        tm.GlobalMean().fit(small, make_ratings([(1, 1, 1.0)]))
    with pytest.raises(ConfigError, match="seed must be an integer of at least 0"):
        tm.GlobalMean().fit(small, seed=-1)
    with pytest.raises(ConfigError, match="keeps no checkpoints"):
        tm.GlobalMean().fit(small, checkpoint="somewhere")
