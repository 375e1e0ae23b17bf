"""What lies at the ends of components, in words a reader may know."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap.maps.data import describing

if TYPE_CHECKING:
    from tastemap.explanation.components import Component, Components

_WELL_KNOWN = 100


def in_deviations(components: Components) -> Components:
    """The same with coordinates in standard deviations of the most rated items: easier to read."""
    spread = components.coordinates[:, components.ranked].std(axis=1, keepdims=True)
    scaled = components.coordinates / np.where(spread > 0, spread, 1)
    return replace(components, coordinates=scaled.astype(np.float32))


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
