"""What lies at the ends of components, in words a reader may know."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap.arrays import Values
from tastemap.errors import ConfigError
from tastemap.maps.data import describing

if TYPE_CHECKING:
    from tastemap.explanation.components import Component, Components
    from tastemap.recommender import Recommender

_WELL_KNOWN = 100


def shown_components(model: Recommender, most: int) -> Components:
    """The first components as reports, pages and maps show them: in standard deviations.

    Args:
        model: the model.
        most: how many, at most: fewer where the model has fewer.

    Raises:
        NotFittedFor: the model is no product of factors.
        ConfigError: it has no factors.
    """
    for n in range(most, 1, -1):
        try:
            return in_deviations(model.components(n))
        except ConfigError:
            continue  # fewer factors than that
    return in_deviations(model.components(1))


def in_deviations(components: Components) -> Components:
    """The same with coordinates in standard deviations of the most rated items: easier to read."""
    spread = deviations(components)[:, None]
    scaled = components.coordinates / np.where(spread > 0, spread, 1)
    return replace(components, coordinates=scaled.astype(np.float32))


def deviations(components: Components) -> Values:
    """Standard deviation of the most rated items along each component, shape (n,)."""
    found: Values = components.coordinates[:, components.ranked].std(axis=1)
    return found


def well_known_ends(components: Components) -> tuple[list[str], list[str]]:
    """Two titles at each end of the first component, among the items a reader may know."""
    known = components.ranked[:_WELL_KNOWN]
    order = known[np.argsort(components.coordinates[0, known], kind="stable")]
    title = components.ratings.catalog.title
    return [title(code) for code in order[:2]], [title(code) for code in order[::-1][:2]]


def tendency(components: Components, component: Component) -> dict[str, Any] | None:
    """Which categories of the catalog lie towards the two ends, such as genres."""
    column = next((c for c in describing(components.ratings.catalog) if c.n_categories > 1), None)
    if column is None:
        return None
    members: dict[str, list[float]] = {}
    for value, at in zip(column.take(component.codes), component.coordinates.tolist(), strict=True):
        for part in (value or "").split("|"):
            members.setdefault(part, []).append(at)
    spread = float(np.std(component.coordinates)) or 1.0
    middle = float(np.mean(component.coordinates))
    # How far the mean of a category lies from that of all, in standard deviations of items;
    # a fifth of one is little enough to say nothing about it.
    means = {
        part: (float(np.mean(found)) - middle) / spread
        for part, found in members.items()
        if len(found) >= 20 and part and not part.startswith("(")
    }
    order = sorted(means, key=lambda part: means[part])
    return {
        "column": column.label.lower(),
        "low": [part for part in order[:3] if means[part] < -0.2],
        "high": [part for part in order[::-1][:3] if means[part] > 0.2],
    }
