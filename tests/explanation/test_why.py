import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemap.data.ratings import Ratings
from tastemap.errors import DataError
from tastemap.explanation import why
from tastemap.explanation.why import Explanation, explain
from tastemap.models.bias import BiasModel
from tastemap.models.factors import FactorModel
from tests.conftest import make_ratings
from tests.explanation.worlds import (
    factor_model,
    network_model,
    recommender,
    rotated,
    some_ratings,
)

RATINGS = some_ratings(30, 40, cold=2)


def parts_of(explanation: Explanation) -> dict[str, float]:
    return dict(zip(explanation.parts, explanation.contributions.tolist(), strict=True))


@given(
    seed=st.integers(0, 10_000),
    k=st.integers(1, 12),
    biases=st.booleans(),
    offset=st.sampled_from([0.0, 0.5, 3.0]),
)
def test_parts_of_a_factor_model_add_up_to_the_unclipped_score(
    seed: int, k: int, biases: bool, offset: float
) -> None:
    model = factor_model(RATINGS, k, seed=seed, biases=biases, offset=offset)
    for user, item in ((0, 0), (seed % 28, seed % 38)):
        explanation = explain(model, RATINGS, user, item)
        pair = np.array([user], np.int32), np.array([item], np.int32)
        assert explanation.score == float(model.predict_pairs(*pair)[0])
        assert explanation.contributions.sum() == pytest.approx(explanation.score, abs=1e-4)
        assert explanation.clipped == np.clip(explanation.score, 0.5, 5.0)
        assert explanation.made_from == "model"


def test_what_is_the_same_for_all_is_in_the_biases_and_the_rest_in_components() -> None:
    model = factor_model(RATINGS, 9, seed=3)
    users, items = np.flatnonzero(RATINGS.user_counts), np.flatnonzero(RATINGS.item_counts)
    p, q = model.user_factors[users].astype(float), model.item_factors[items].astype(float)
    dots = p @ q.T
    row, column, mean = dots.mean(1), dots.mean(0), dots.mean()
    u, s, v_t = np.linalg.svd(dots - row[:, None] - column + mean, full_matrices=False)
    by_component = u[4] * s * v_t[:, 7]
    assert model.user_bias is not None
    assert model.item_bias is not None

    explanation = explain(model, RATINGS, int(users[4]), int(items[7]))
    parts = parts_of(explanation)
    assert parts["mean"] == pytest.approx(model.mean + mean, abs=1e-5)
    expected = model.user_bias[users[4]] + row[4] - mean
    assert parts["user bias"] == pytest.approx(expected, abs=1e-5)
    expected = model.item_bias[items[7]] + column[7] - mean
    assert parts["item bias"] == pytest.approx(expected, abs=1e-5)
    largest = np.argsort(-np.abs(by_component[:9]))
    names = [f"component {number + 1}" for number in largest[:5]]
    assert explanation.parts == [
        "mean",
        "user bias",
        "item bias",
        *names,
        "the other 4 components",
    ]
    for name, number in zip(names, largest, strict=False):
        assert parts[name] == pytest.approx(by_component[number], abs=1e-5)
    assert parts["the other 4 components"] == pytest.approx(
        by_component[largest[5:]].sum(), abs=1e-5
    )
    assert any(f"{names[0]}: low for Film" in note for note in explanation.notes)


def test_up_to_six_components_are_all_named() -> None:
    for k in (5, 6):
        parts = explain(factor_model(RATINGS, k), RATINGS, 0, 0).parts
        assert len(parts) == 3 + k
        assert not any("other" in part for part in parts)


def test_the_basis_training_ended_in_does_not_matter() -> None:
    model = factor_model(RATINGS, 6)
    ours, theirs = (explain(one, RATINGS, 1, 2) for one in (model, rotated(model)))
    assert ours.parts == theirs.parts
    np.testing.assert_allclose(ours.contributions, theirs.contributions, atol=1e-5)


def test_an_item_that_differs_as_no_popular_item_does_still_adds_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tastemap.explanation.basis.MOST_RATED", 20)
    items = RATINGS.most_rated_items(38)
    factors = np.array(factor_model(RATINGS, 3).item_factors)
    factors[items[:20], 2] = 0.25
    model = FactorModel(user_factors=factor_model(RATINGS, 3).user_factors, item_factors=factors)
    inside, outside = (explain(model, RATINGS, 0, int(items[place])) for place in (3, 30))
    assert "outside the components" not in inside.parts
    assert outside.parts[-1] == "outside the components"
    for one in (inside, outside):
        assert one.contributions.sum() == pytest.approx(one.score, abs=1e-4)


def test_a_model_is_decomposed_once_for_all_explanations_and_then_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = factor_model(RATINGS, 4)
    explain(model, RATINGS, 0, 0)
    monkeypatch.setattr("tastemap.explanation.basis.canonical_basis", None)
    explain(model, RATINGS, 1, 1)
    with pytest.raises(TypeError):
        explain(model, some_ratings(30, 40, seed=1), 1, 1)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_a_bias_model_is_explained_by_what_it_adds(small: Ratings) -> None:
    model = BiasModel(
        mean=3.5, user_bias=np.arange(6) / 4, item_bias=np.array([0.5, -1, 0.25, 0, 0.75])
    )
    explanation = explain(model, small, 2, 1)
    assert parts_of(explanation) == {"mean": 3.5, "user bias": 0.5, "item bias": -1.0}
    assert explanation.score == 3.0
    assert explanation.rating == 2.0
    assert "the user rated this 2; the model was trained on that" in explanation.notes
    assert explanation.caption == "user 30, Big (1988): 3.00, from the model"
    taken = replace(small, values=np.ones_like(small.values), explicit=False)
    assert "the user took this; the model was trained on that" in explain(model, taken, 2, 1).notes


def test_the_fallback_says_what_it_knew() -> None:
    random = np.random.default_rng(0)
    # Biases for the cold ones too, which must not be used.
    fallback = BiasModel(
        mean=3.0, user_bias=random.normal(size=30), item_bias=random.normal(size=40)
    )
    fitted = recommender(factor_model(RATINGS, 3), RATINGS)
    raw_user, raw_item = RATINGS.user_ids.raw, RATINGS.item_ids.raw
    for user, item, source in (
        (29, 0, "item bias"),
        (0, 39, "user bias"),
        (29, 39, "global mean"),
    ):
        explanation = explain(fallback, RATINGS, user, item)
        parts = parts_of(explanation)
        assert explanation.made_from == source
        assert explanation.rating is None
        assert (parts["user bias"] == 0.0) is (user == 29)
        assert (parts["item bias"] == 0.0) is (item == 39)
        assert explanation.contributions.sum() == pytest.approx(explanation.score, abs=1e-6)
        asked = fitted.explain(raw_user(user), raw_item(item))
        predicted = fitted.predict(raw_user(user), raw_item(item))
        assert asked.made_from == predicted.sources[0] == source
        assert asked.clipped == float(predicted)


def test_scores_outside_the_scale_are_said_to_be_so(small: Ratings) -> None:
    model = BiasModel(mean=4.5, user_bias=np.ones(6), item_bias=np.zeros(5))
    explanation = explain(model, small, 0, 4)
    assert (explanation.score, explanation.clipped) == (5.5, 5.0)
    assert explanation.notes == ["the parts add up to 5.500, outside the scale"]


def test_a_network_is_explained_by_means_over_rows_and_columns_of_its_predictions() -> None:
    model = network_model(RATINGS)
    table = model.predict_users(np.arange(28)).astype(float)[:, :38]  # those with ratings
    explanation = explain(model, RATINGS, 5, 9)
    mean, user, item, pair = explanation.contributions
    assert mean == pytest.approx(table.mean(), abs=1e-5)
    assert user == pytest.approx(table[5].mean() - table.mean(), abs=1e-5)
    assert item == pytest.approx(table[:, 9].mean() - table.mean(), abs=1e-5)
    rest = table[5, 9] - table[5].mean() - table[:, 9].mean() + table.mean()
    assert pair == pytest.approx(rest, abs=1e-5)
    assert explanation.contributions.sum() == pytest.approx(explanation.score, abs=1e-5)
    assert not any("approximate" in part for part in explanation.parts)
    assert not any("sample" in note for note in explanation.notes)


def test_a_large_network_is_explained_by_a_sample_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = network_model(RATINGS)
    exact = explain(model, RATINGS, 5, 9)
    monkeypatch.setattr(why, "_SAMPLE", 25)
    sampled = explain(model, RATINGS, 5, 9)
    assert all(part.endswith(", approximate") for part in sampled.parts)
    assert "a sample of 25 of 28 users and 25 of 38 items" in sampled.notes[-1]
    assert sampled.contributions.sum() == pytest.approx(exact.score, abs=1e-5)
    np.testing.assert_allclose(sampled.contributions, exact.contributions, atol=0.5)
    again = explain(model, RATINGS, 5, 9)
    np.testing.assert_array_equal(sampled.contributions, again.contributions)


def test_an_explanation_is_a_table_of_parts() -> None:
    explanation = explain(factor_model(RATINGS, 2), RATINGS, 0, 0)
    assert list(explanation.columns()) == ["part", "contribution"]
    assert len(explanation) == 5
    assert "item bias" in str(explanation)


def test_ratings_of_something_else_are_refused() -> None:
    with pytest.raises(DataError, match="pass those it was trained on"):
        explain(factor_model(RATINGS, 2), make_ratings([(1, 1, 2.0)]), 0, 0)
