"""Places for labels beside their points, so that no two overlap and none covers a point.

Each label chooses among some two hundred places around its point. A place costs more the farther
it is, more still where the line to it would run through other labels, and most where it overlaps
one. Labels choose in turn, crowded ones first, until none finds a cheaper place: a local search
(Christensen, Marks & Shieber 1995, "An empirical study of algorithms for point-feature label
placement") without its randomness, so that the same points always give the same picture.
"""

from __future__ import annotations

import numpy as np

from tastemap.arrays import Float64s, Mask

_OVERLAP, _CROSSING = 1000.0, 15.0
_SWEEPS, _FEW = 12, 32


def place(sizes: Float64s, points: Float64s, frame: Float64s, dot: float) -> tuple[Float64s, Mask]:
    """Choose a place for every label.

    Args:
        sizes: width and height of each label, shape (n, 2), in pixels.
        points: the point each label belongs to, shape (n, 2), in pixels.
        frame: left, bottom, right and top of the area, shape (4,), in pixels.
        dot: radius of the points, in pixels.

    Returns:
        Centres of the labels, shape (n, 2), and which of them found room, shape (n,). Those that
        did not overlap another label or leave the frame; the labels given first get room first.
    """
    half = sizes / 2 + [2.0, 1.0]
    offsets, prices = zip(*(_around(one, dot) for one in half), strict=True)
    places = points[:, None] + np.array(offsets)  # (label, place, 2)
    costs = np.array(prices) + _OVERLAP * _blocked(places, half, points, frame, dot)
    lines = _lines(places, half, points)  # (label, place, step, 2)
    n = len(points)
    chosen = costs.argmin(axis=1)
    spread = np.abs(points[:, None] - points).max(axis=2)
    crowded = np.argsort(-(spread < 4 * half[:, :1]).sum(axis=1), kind="stable")
    for _ in range(_SWEEPS):
        before = chosen.copy()
        for label in crowded:
            rest = np.flatnonzero(np.arange(n) != label)
            centres = places[rest, chosen[rest]]
            price = costs[label] + _OVERLAP * _touching(
                places[label], half[label], centres, half[rest]
            )
            # Lines can only make a place dearer, and are slow to follow: look at the best few.
            few = np.argsort(price, kind="stable")[:_FEW]
            mine_under = _inside(lines[label, few], centres, half[rest])  # (place, step, label)
            theirs_under = _inside(lines[rest, chosen[rest]], places[label, few], half[label])
            crossings = mine_under.any(axis=1).sum(axis=1) + theirs_under.any(axis=1).sum(axis=0)
            chosen[label] = few[(price[few] + _CROSSING * crossings).argmin()]
        if np.array_equal(before, chosen):
            break
    centres = places[np.arange(n), chosen]
    return centres, _with_room(centres, half, costs[np.arange(n), chosen] < _OVERLAP)


def _around(half: Float64s, dot: float) -> tuple[Float64s, Float64s]:
    """Offsets of a label's centre from its point, and what each costs."""
    turns = np.arange(24) * (np.pi / 12)
    offsets = []
    costs = []
    for distance in (2.5, 9.0, 17.0, 27.0, 39.0, 55.0, 75.0, 105.0, 150.0):
        out = dot + distance
        # The nearest edge or corner of the label lies in direction `turn`, `out` away.
        direction = np.column_stack([np.cos(turns), np.sin(turns)])
        offsets.append(direction * out + np.clip(direction * 3, -1, 1) * half)
        upright = 0.5 * np.abs(np.sin(turns)) + 0.15 * (np.cos(turns) < 0)
        costs.append(upright + (distance - 2.5) / 4 + 1.5 * (distance > 8))
    return np.concatenate(offsets), np.concatenate(costs)


def _blocked(
    places: Float64s, half: Float64s, points: Float64s, frame: Float64s, dot: float
) -> Mask:
    """Which places leave the frame or cover a point, shape (labels, places)."""
    low, high = places - half[:, None], places + half[:, None]
    blocked: Mask = np.any(low < frame[:2], axis=2) | np.any(high > frame[2:], axis=2)
    for label, size in enumerate(half):
        blocked[label] |= _inside(places[label], points, size + dot).any(axis=1)
    return blocked


def _lines(places: Float64s, half: Float64s, points: Float64s) -> Float64s:
    """Steps along the line from each point to the nearest edge of its label at each place."""
    ends = nearest_edge(places, half[:, None], points[:, None])
    steps = np.linspace(0.15, 0.95, 6)[:, None]
    lines: Float64s = points[:, None, None] + steps * (ends - points[:, None])[:, :, None]
    return lines


def nearest_edge(centres: Float64s, half: Float64s, points: Float64s) -> Float64s:
    """The place on each label nearest to its point, in the shape of ``centres``."""
    nearest: Float64s = np.clip(points, centres - half, centres + half)
    return nearest


def _touching(places: Float64s, half: Float64s, centres: Float64s, halves: Float64s) -> Float64s:
    """How many of the labels at ``centres`` a label would overlap at each place."""
    near = np.abs(places[:, None] - centres) < half + halves
    count: Float64s = near.all(axis=2).sum(axis=1).astype(float)
    return count


def _inside(steps: Float64s, centres: Float64s, halves: Float64s) -> Mask:
    """Which steps of lines, shape (..., 2), lie under which labels; shape (..., labels)."""
    near: Mask = np.all(np.abs(steps[..., None, :] - centres) < halves, axis=-1)
    return near


def _with_room(centres: Float64s, half: Float64s, allowed: Mask) -> Mask:
    """Which labels stay when, of two that overlap, the later one goes."""
    stays: list[int] = []
    for label in np.flatnonzero(allowed).tolist():
        near = np.abs(centres[stays] - centres[label]) < half[stays] + half[label]
        if not np.all(near, axis=1).any():
            stays.append(label)
    return np.isin(np.arange(len(centres)), stays)
