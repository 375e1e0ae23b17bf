"""What ``map.js`` needs to draw a map of taste, as plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tastemap.arrays import AnyArray, Int64s
from tastemap.plots.text import short

if TYPE_CHECKING:
    from tastemap.data.catalog import Catalog
    from tastemap.explanation.components import Components

_SEPARATOR = "|"
_MOST_CATEGORIES, _LONGEST_TEXT = 60, 60


def map_data(components: Components, noun: str = "items") -> dict[str, Any]:
    """All items with training ratings on the components of a model, most rated first.

    Args:
        components: at least two.
        noun: what the items are.

    Returns:
        The argument ``data`` of ``createMap``: see the header of ``map.js``.
    """
    points = components.map(0, min(2, len(components) - 1))
    codes = points.codes
    colour: dict[str, Any] = {}
    if np.isfinite(points.biases).all():
        colour["bias"] = _number("Bias", points.biases, 3)
    catalog = components.ratings.catalog
    fields: dict[str, Any] = {}
    for column in describing(catalog):
        values = column.take(codes)
        if column.is_number:
            colour[column.name] = {"kind": "number", "label": column.label, "values": values}
            continue
        parts = [value.split(_SEPARATOR) if value else [] for value in values]
        fields[column.name] = [", ".join(one) for one in parts]
        if column.n_categories > 1:
            first = [one[0] if one else None for one in parts]
            colour[column.name] = {"kind": "category", "label": column.label, "values": first}
    labels = [f"Component {number}" for number in range(1, len(components) + 1)]
    return {
        "items": noun,
        "title": list(points.titles),
        "label": _shortened(points.titles),
        "count": points.counts.tolist(),
        "coords": {
            str(number): _rounded(components.coordinates[number - 1, codes], 3)
            for number in range(1, len(components) + 1)
        },
        "axis_labels": {str(number): label for number, label in enumerate(labels, 1)},
        "colour": colour,
        "fields": fields,
        "x": "1",
        "y": str(min(3, len(components))),
    }


@dataclass(frozen=True, eq=False)
class Describing:
    """A column of the catalog that says something about an item in a few words or a number.

    Attributes:
        name: of the column.
        values: by item code.
        is_number: whether they are numbers; otherwise they are text.
        n_categories: how many kinds there are, when the text has categories; otherwise 0.
    """

    name: str
    values: list[Any]
    is_number: bool
    n_categories: int

    @property
    def label(self) -> str:
        """The name, written for a heading."""
        return self.name.replace("_", " ").capitalize()

    def take(self, codes: Int64s) -> list[Any]:
        """The values of some items."""
        return [self.values[code] for code in codes]


def describing(catalog: Catalog) -> list[Describing]:
    """The columns of a catalog worth showing beside a title, in its order."""
    found = []
    for name in catalog.columns:
        column = catalog.table.column(name)
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        values = column.to_pylist()
        if name == "title" or not any(value is not None for value in values):
            continue
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            finite = [None if value is None or value != value else value for value in values]
            found.append(Describing(name, finite, is_number=True, n_categories=0))
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            texts = [value for value in values if value]
            if sum(map(len, texts)) > _LONGEST_TEXT * len(texts):
                continue  # a description rather than a mark
            parts = {part for text in texts for part in text.split(_SEPARATOR)}
            n_categories = len(parts) if len(parts) <= _MOST_CATEGORIES else 0
            found.append(Describing(name, values, is_number=False, n_categories=n_categories))
    return found


def _shortened(titles: Sequence[str]) -> dict[str, str]:
    """What to draw in the place of titles that are too long, by their number."""
    shown = {str(number): short(title, 32) for number, title in enumerate(titles)}
    return {number: text for number, text in shown.items() if text != titles[int(number)]}


def _number(label: str, values: AnyArray, digits: int) -> dict[str, Any]:
    return {"kind": "number", "label": label, "values": _rounded(values, digits)}


def _rounded(values: AnyArray, digits: int) -> list[float]:
    """Values with so many digits after the point: half the size, and no eye sees it."""
    return [round(value, digits) for value in values.tolist()]
