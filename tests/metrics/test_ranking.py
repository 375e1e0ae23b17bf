"""Measures of lists against ir_measures (which runs trec_eval), scikit-learn, and by hand."""

from __future__ import annotations

from itertools import combinations

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, RR, P, R, Success, nDCG
from sklearn.metrics import roc_auc_score

from tastemap.metrics import ranking

TREC = {"ndcg": nDCG, "recall": R, "precision": P, "map": AP, "mrr": RR, "hit_rate": Success}


@pytest.mark.parametrize("k", [1, 5, 10])
def test_measures_at_k_agree_with_trec_eval(k: int) -> None:
    random = np.random.default_rng(k)
    n_lists, n_items = 60, 40
    liked = random.random((n_lists, n_items)) < random.uniform(0.02, 0.6, (n_lists, 1))
    liked[np.arange(n_lists), random.integers(0, n_items, n_lists)] = True
    lists = np.argsort(random.random((n_lists, n_items)), axis=1)[:, :k]
    found = ranking.at_k(np.take_along_axis(liked, lists, axis=1), liked.sum(axis=1))

    qrels = {str(u): {str(i): int(liked[u, i]) for i in range(n_items)} for u in range(n_lists)}
    run = {
        str(u): {str(i): float(k - place) for place, i in enumerate(row)}
        for u, row in enumerate(lists)
    }
    assert set(found) == set(TREC)
    for name, measure in TREC.items():
        theirs = ir_measures.iter_calc([measure @ k], qrels, run)
        by_list = {int(one.query_id): one.value for one in theirs}
        expected = [by_list[u] for u in range(n_lists)]
        np.testing.assert_allclose(found[name], expected, atol=1e-9, err_msg=name)
        assert len({round(value, 6) for value in expected}) > 1


def test_auc_agrees_with_scikit_learn_over_what_can_be_recommended() -> None:
    random = np.random.default_rng(0)
    scores = np.round(random.normal(size=(30, 25)), 1).astype(np.float32)
    scores[random.random(scores.shape) < 0.2] = -np.inf
    liked = (random.random(scores.shape) < 0.3) & (scores > -np.inf)
    liked[:, 0], scores[:, 0] = True, 0.5
    rows, items = np.nonzero(liked)
    found = ranking.auc(scores, rows, items, liked.sum(axis=1))
    for row, value in enumerate(found):
        there = scores[row] > -np.inf
        assert value == pytest.approx(roc_auc_score(liked[row, there], scores[row, there]))


def test_auc_counts_what_cannot_be_recommended_as_below_all_others() -> None:
    scores = np.array([[3, 2, 1, -np.inf]], np.float32)
    rows, items = np.zeros(3, np.int64), np.array([0, 3, -1])
    assert ranking.auc(scores, rows, items, np.array([3])) == pytest.approx(1 / 3)


def test_auc_is_no_number_where_everything_is_relevant() -> None:
    scores = np.array([[3, 2]], np.float32)
    assert np.isnan(ranking.auc(scores, np.array([0, 0]), np.array([0, 1]), np.array([2])))[0]


@pytest.mark.parametrize(
    ("counts", "gini"), [([4, 4, 4, 4], 0.0), ([0, 0, 0, 8], 0.75), ([1, 3], 0.25)]
)
def test_gini_of_exposure_by_hand(counts: list[int], gini: float) -> None:
    assert ranking.exposure_gini(np.array(counts)) == pytest.approx(gini)


def test_gini_is_the_mean_absolute_difference_over_twice_the_mean() -> None:
    counts = np.random.default_rng(0).integers(0, 50, 30)
    expected = np.abs(counts[:, None] - counts).mean() / (2 * counts.mean())
    assert ranking.exposure_gini(counts) == pytest.approx(expected)


def test_novelty_is_the_mean_number_of_bits() -> None:
    lists = np.array([[0, 1], [2, -1], [-1, -1]])
    found = ranking.novelty(lists, np.array([1, 0.5, 0.125]))
    np.testing.assert_allclose(found, [0.5, 3, np.nan])


def test_diversity_is_one_less_the_mean_cosine_of_pairs() -> None:
    random = np.random.default_rng(0)
    n_users, n_items = 150, 12
    rated = random.random((n_users, n_items)) < random.uniform(0.05, 0.5, n_items)
    rated[0] = True
    users, items = np.nonzero(rated)
    lists = np.argsort(random.random((9, n_items)), axis=1)[:, :5].astype(np.int32)
    lists[0, 3:] = -1
    lists[1, 1:] = -1
    found = ranking.diversity(lists, users, items, n_users)
    for row, value in zip(lists, found, strict=True):
        cosines = [
            (rated[:, i] @ rated[:, j].astype(int)) / np.sqrt(rated[:, i].sum() * rated[:, j].sum())
            for i, j in combinations(row[row >= 0], 2)
        ]
        expected = 1 - np.mean(cosines) if cosines else np.nan
        assert value == pytest.approx(expected, nan_ok=True)
    assert np.isnan(ranking.diversity(lists[:, :1], users, items, n_users)).all()
