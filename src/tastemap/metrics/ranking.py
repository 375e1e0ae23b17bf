"""How good lists of recommendations are: one row a list, one number a list.

What is found is told by ``hits``, shape (n_lists, k): whether the item at each place of the list
is relevant, best place first. ``n_relevant``, shape (n_lists,), says how many relevant items there
are to find, at least 1. An item is relevant or it is not. The definitions are those of trec_eval;
a list that is shorter than k counts as filled up with items that are not relevant.
"""

from __future__ import annotations

import itertools

import numpy as np

from tastemap.arrays import AnyArray, Codes, Float64s, Int64s, Mask


def precision(hits: Mask) -> Float64s:
    """Share of the k places that have a relevant item."""
    return np.asarray(hits.mean(axis=1, dtype=np.float64))


def recall(hits: Mask, n_relevant: Int64s) -> Float64s:
    """Share of the relevant items that are in the list."""
    return np.asarray(hits.sum(axis=1) / n_relevant)


def hit_rate(hits: Mask) -> Float64s:
    """1 where the list has a relevant item, else 0."""
    return np.asarray(hits.any(axis=1), np.float64)


def reciprocal_rank(hits: Mask) -> Float64s:
    """1 / place of the first relevant item; 0 without one. Its mean is the MRR."""
    return np.where(hits.any(axis=1), 1 / (1.0 + hits.argmax(axis=1)), 0.0)


def average_precision(hits: Mask, n_relevant: Int64s) -> Float64s:
    """Precision down to each relevant item, summed, / n_relevant. Its mean is the MAP."""
    down_to = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return np.asarray((down_to * hits).sum(axis=1) / n_relevant)


def ndcg(hits: Mask, n_relevant: Int64s) -> Float64s:
    """Normalized discounted cumulated gain: Σ hit / log2(1 + place), over what is best possible.

    Järvelin & Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques", with gains of
    1 and the discount of trec_eval.
    """
    k = hits.shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0], np.cumsum(discount)])[np.minimum(n_relevant, k)]
    return np.asarray(hits @ discount / ideal)


def at_k(hits: Mask, n_relevant: Int64s) -> dict[str, Float64s]:
    """All measures of finding relevant items, by name, each of shape (n_lists,)."""
    return {
        "ndcg": ndcg(hits, n_relevant),
        "recall": recall(hits, n_relevant),
        "precision": precision(hits),
        "map": average_precision(hits, n_relevant),
        "mrr": reciprocal_rank(hits),
        "hit_rate": hit_rate(hits),
    }


def auc(scores: AnyArray, rows: Int64s, items: AnyArray, n_relevant: Int64s) -> Float64s:
    """Chance that a relevant item has a higher score than one that is not.

    Equal scores count one half. A relevant item that cannot be recommended is below all others.

    Args:
        scores: shape (n_lists, n_items); -inf for what cannot be recommended.
        rows: list of each relevant item, rising, shape (n,).
        items: column of each relevant item, shape (n,); -1 for one without a column.
        n_relevant: how many relevant items each list has, shape (n_lists,).

    Returns:
        Shape (n_lists,); NaN where every item that can be recommended is relevant.
    """
    own = np.where(items >= 0, scores[rows, items], -np.inf)
    n_lists, width = scores.shape
    ordered = np.sort(scores, axis=1)
    starts = np.searchsorted(rows, np.arange(n_lists + 1))
    wins = np.zeros(n_lists)
    for row, (first, last) in enumerate(itertools.pairwise(starts)):
        listed = own[first:last]
        listed = listed[listed > -np.inf]
        if not len(listed):
            continue
        outside = int(np.searchsorted(ordered[row], -np.inf, "right"))
        below = np.searchsorted(ordered[row], listed, "left") - outside
        level = np.searchsorted(ordered[row], listed, "right") - outside - below
        # Relevant items beat each other n (n - 1) / 2 times, ties half each.
        among = len(listed) * (len(listed) - 1) / 2
        others = width - outside - len(listed)
        beaten = below.sum() + (level - 1).sum() / 2 - among
        wins[row] = beaten / (others * n_relevant[row]) if others else np.nan
    return wins


def exposure_gini(counts: Int64s) -> float:
    """How unevenly places in lists are shared among items: 0 all alike, near 1 a few have all.

    The Gini coefficient, Σ (2 j - n - 1) x_j / (n Σ x) for rising x.

    Args:
        counts: how often each of n items is listed.
    """
    n, total = len(counts), int(counts.sum())
    if not total:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1.0) @ np.sort(counts) / (n * float(total)))


def novelty(lists: Codes, shares: Float64s) -> Float64s:
    """How little known the items of each list are: the mean of -log2(share), in bits.

    Vargas & Castells 2011, "Rank and relevance in novelty and diversity metrics for recommender
    systems", section 4.1 (mean self-information).

    Args:
        lists: item codes, shape (n_lists, k); -1 where a list is shorter.
        shares: share of the users who rated each item in training, above 0 for items listed.

    Returns:
        Shape (n_lists,); NaN for an empty list.
    """
    with np.errstate(divide="ignore"):
        bits = np.append(-np.log2(shares), 0.0)[lists]  # -1 takes the last
    return _mean(np.where(lists >= 0, bits, 0).sum(axis=1), (lists >= 0).sum(axis=1))


def diversity(lists: Codes, users: Codes, items: Codes, n_users: int) -> Float64s:
    """How little the items of each list share their audience: 1 - mean cosine of two of them.

    The cosine of two items is |both| / √(|one| |other|), of the sets of users who rated them in
    training. It is the same for every model, and needs no metadata. Intra-list similarity is from
    Ziegler et al. 2005, "Improving recommendation lists through topic diversification".

    Args:
        lists: item codes, shape (n_lists, k); -1 where a list is shorter.
        users: user of each training rating, shape (n,).
        items: item of each training rating, shape (n,).
        n_users: how many users there are.

    Returns:
        From 0, the same people rated all, to 1; shape (n_lists,); NaN for a list of fewer than
        two items.
    """
    listed = np.unique(lists[lists >= 0])
    place = np.full(int(max(items.max(initial=0), listed.max(initial=0))) + 1, -1)
    place[listed] = np.arange(len(listed))
    # A row of bits for each item listed: who rated it.
    own = place[items] >= 0
    bits = np.zeros((len(listed), -(-n_users // 64)), np.uint64)
    user = users[own].astype(np.uint64)
    np.bitwise_or.at(bits, (place[items[own]], user // 64), np.uint64(1) << user % 64)
    sizes = np.bitwise_count(bits).sum(axis=1, dtype=np.int64)

    first, second = np.triu_indices(lists.shape[1], 1)
    pairs = np.stack([lists[:, first], lists[:, second]])
    there = (pairs >= 0).all(axis=0)
    a, b = place[pairs.min(axis=0)], place[pairs.max(axis=0)]
    # Popular pairs are in many lists, and are looked at once.
    keys, inverse = np.unique(np.where(there, a * len(listed) + b, -1), return_inverse=True)
    cosines = np.zeros(len(keys))
    step = max(1, _WORDS_AT_ONCE // bits.shape[1])
    for at in range(0, len(keys), step):
        i, j = np.divmod(np.maximum(keys[at : at + step], 0), max(len(listed), 1))
        both = np.bitwise_count(bits[i] & bits[j]).sum(axis=1, dtype=np.int64)
        cosines[at : at + step] = both / np.sqrt(sizes[i] * sizes[j])
    cosine = np.where(there, cosines[inverse].reshape(there.shape), 0)
    return 1 - _mean(cosine.sum(axis=1), there.sum(axis=1))


_WORDS_AT_ONCE = 1 << 20


def _mean(total: AnyArray, count: AnyArray) -> Float64s:
    mean: Float64s = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return mean
