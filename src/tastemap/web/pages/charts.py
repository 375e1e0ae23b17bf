"""Pictures of the pages, as SVG: classes say what things are, the style sheet how they look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from tastemap.arrays import AnyArray, Float64s, Int64s
from tastemap.plots import labels, numbers
from tastemap.plots.text import short
from tastemap.training.history import TrainingHistory

_WIDTH, _HEIGHT, _EDGE = 960.0, 560.0, 14.0
_SIZES = (1.5, 2.2, 3.0, 4.0, 5.2)
"""Radii of points in pixels, from few to many ratings."""
_LETTER = 0.53
"""Mean width of a letter, in sizes of the font; a label that is a little narrower does no harm."""
_NAMED = {"many": (26, 11.5), "few": (10, 26.0)}
"""Names on a picture, and their size in its pixels: small pictures show few, written large."""
_MARKED = {"many": (8.0, 16.0), "few": (13.0, 26.0)}
"""Radius of a mark and size of its name, beside names of each kind: as the style sheet has them."""
_GAP = 18.0
"""Between a mark and its name, in pixels."""
_BOLD = 0.58
"""Mean width of a letter of a mark's name, in sizes of the font."""
_LONGEST_NAME, _LONGEST_MARK = 32, 30
"""Letters of a name; that of a mark, written large, has room on the left or on the right."""


def _svg(text: str) -> Markup:
    """SVG, safe as it is: numbers, words of this module, and text escaped where it is put in."""
    return Markup(text)  # noqa: S704


@dataclass(frozen=True, eq=False)
class Scatter:
    """Many points and the names of some, drawn once; marks are added for each page.

    Attributes:
        low, high: what the edges of the picture are at, shape (2,).
        points: SVG of the points.
        names: those for large pictures and those for small ones.
    """

    low: Float64s
    high: Float64s
    points: Markup
    names: tuple[_Names, ...]

    @classmethod
    def of(cls, xy: Float64s, counts: Int64s, titles: Sequence[str]) -> Scatter:
        """Draw points, and name the first ones as far as there is room.

        Args:
            xy: places, shape (n, 2), n at least 1.
            counts: ratings of each, shape (n,).
            titles: of each.
        """
        low, high = np.minimum(xy.min(axis=0), 0), np.maximum(xy.max(axis=0), 0)
        flat = high - low < 1e-9
        low, high = low - flat, high + flat
        at = _pixels(xy, low, high)
        size = np.digitize(np.log1p(counts), np.quantile(np.log1p(counts), (0.4, 0.7, 0.88, 0.97)))
        paths = [
            f'<path class="p" stroke-width="{2 * radius:g}" d="{_dots(at[size == one])}"/>'
            for one, radius in enumerate(_SIZES)
            if np.any(size == one)
        ]
        names = tuple(
            _Names.of(at[:most], titles[:most], kind) for kind, (most, _) in _NAMED.items()
        )
        return cls(low, high, _svg("".join(paths)), names)

    def draw(self, description: str, marks: Mapping[str, tuple[float, float]]) -> Markup:
        """The picture, with marked places by their names, to which other names give way.

        Args:
            description: what it shows, for those who do not see it.
            marks: name -> place; a place off the picture is drawn at its edge.
        """
        zero = _pixels(np.zeros((1, 2)), self.low, self.high)[0]
        axes = f'<path class="axis" d="M0 {zero[1]:.1f}H{_WIDTH:g}M{zero[0]:.1f} 0V{_HEIGHT:g}"/>'
        placed = [_Mark(name, *self._inside(at)) for name, at in marks.items()]
        names = [one.beside(placed) for one in self.names]
        faded = " marked" if marks else ""
        return _svg(
            f'<div class="frame"><svg class="scatter{faded}" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" '
            f'role="img" aria-label="{escape(description)}">{axes}{self.points}'
            f"{''.join(names)}{''.join(one.svg() for one in placed)}</svg></div>"
        )

    def _inside(self, place: tuple[float, float]) -> tuple[float, float]:
        x, y = _pixels(np.array([place], np.float64), self.low, self.high)[0].tolist()
        return min(max(x, _EDGE), _WIDTH - _EDGE), min(max(y, _EDGE), _HEIGHT - _EDGE)


@dataclass(frozen=True)
class _Mark:
    """A marked place and its name, in pixels."""

    name: str
    x: float
    y: float

    def boxes(self, kind: str) -> Float64s:
        """Left, top, right and bottom of the dot and of the name, shape (2, 4)."""
        radius, size = _MARKED[kind]
        near, far = _GAP, _GAP + _BOLD * size * len(self._text)
        left, right = (near, far) if self._is_right else (-far, -near)
        half, off = 0.65 * size, self._off
        dot = (-radius, -radius, radius, radius)
        boxes: Float64s = np.array([dot, (left, off - half, right, off + half)])
        boxes += (self.x, self.y, self.x, self.y)
        return boxes

    def svg(self) -> str:
        """The dot and the name."""
        at, anchor = (_GAP, "start") if self._is_right else (-_GAP, "end")
        return (
            f'<g class="mark-here" transform="translate({self.x:.1f} {self.y:.1f})">'
            f'<circle r="8"/><text x="{at:g}" y="{self._off:.0f}" dy=".34em" '
            f'text-anchor="{anchor}">{escape(self._text)}</text></g>'
        )

    @property
    def _text(self) -> str:
        return short(self.name, _LONGEST_MARK)

    @property
    def _is_right(self) -> bool:
        """Whether the name has room on the right, as large as it may be written."""
        return self.x + _GAP + _BOLD * _MARKED["few"][1] * len(self._text) < _WIDTH

    @property
    def _off(self) -> float:
        """How far below the dot the name stands, so that the frame does not cut it."""
        return min(max(self.y, 19.0), _HEIGHT - 19.0) - self.y


@dataclass(frozen=True, eq=False)
class _Names:
    """Names that have room on a picture.

    Attributes:
        kind: ``"many"``, for large pictures, or ``"few"``.
        texts: the names.
        boxes: left, top, right and bottom of each in pixels, shape (n, 4).
    """

    kind: str
    texts: Sequence[str]
    boxes: Float64s

    @classmethod
    def of(cls, at: Float64s, titles: Sequence[str], kind: str) -> _Names:
        """Place names beside their points."""
        size = _NAMED[kind][1]
        texts = [short(title, _LONGEST_NAME) for title in titles]
        sizes = np.array([[_LETTER * size * len(text), 1.3 * size] for text in texts])
        centres, shown = labels.place(sizes, at, np.array([0, 0, _WIDTH, _HEIGHT]), 4.0)
        boxes = np.hstack([centres - sizes / 2, centres + sizes / 2])[shown]
        return cls(kind, [texts[row] for row in np.flatnonzero(shown)], boxes)

    def beside(self, marks: Sequence[_Mark]) -> str:
        """SVG of the names that are not under a mark or its name, nor say the same."""
        size = _NAMED[self.kind][1]
        taken = np.array([box for one in marks for box in one.boxes(self.kind)]).reshape(-1, 1, 4)
        under = (self.boxes[:, :2] < taken[..., 2:]) & (self.boxes[:, 2:] > taken[..., :2])
        free = np.flatnonzero(~under.all(axis=2).any(axis=0)).tolist()
        said = {short(one.name, _LONGEST_NAME) for one in marks}
        lines = [
            f'<text x="{(left + right) / 2:.0f}" y="{(top + bottom) / 2 + size / 3:.0f}">'
            f"{escape(text)}</text>"
            for text, (left, top, right, bottom) in (
                (self.texts[row], self.boxes[row].tolist()) for row in free
            )
            if text not in said
        ]
        return f'<g class="names {self.kind}" font-size="{size:g}">{"".join(lines)}</g>'


def _pixels(xy: AnyArray, low: Float64s, high: Float64s) -> Float64s:
    share = (xy - low) / (high - low)
    share = np.column_stack([share[:, 0], 1 - share[:, 1]])
    pixels: Float64s = _EDGE + share * (np.array([_WIDTH, _HEIGHT]) - 2 * _EDGE)
    return pixels


def _dots(at: Float64s) -> str:
    """Lines of no length: a round end makes each a dot, ten times shorter than a circle."""
    return "".join(f"M{x:.0f} {y:.0f}h0" for x, y in at)


@dataclass(frozen=True)
class Axis:
    """A line from one value to another, on which small pictures of table rows put things.

    Attributes:
        low, high: values at its ends.
        width: of the picture, in pixels.
    """

    low: float
    high: float
    width: float = 150.0

    @classmethod
    def of_errors(cls, errors: Sequence[float], width: float = 150.0) -> Axis:
        """An axis from the smallest error, on which those that hardly differ lie together."""
        return cls(min(errors), min(errors) + numbers.span_of_errors(errors), width)

    @classmethod
    def around(cls, lows: AnyArray, highs: AnyArray, width: float = 150.0) -> Axis:
        """An axis that holds all of these, and 0."""
        low = min(0.0, float(np.min(lows, initial=0.0)))
        high = max(0.0, float(np.max(highs, initial=0.0)))
        return cls(low, high if high > low else low + 1, width)

    def at(self, value: float) -> float:
        """Where a value lies, in pixels."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(5 + share * (self.width - 10), 1)

    def dot(self, value: float, origin: float | None = None) -> Markup:
        """A dot, larger than that of a range, and an upright at ``origin``."""
        upright = "" if origin is None else f'<path class="axis" d="M{self.at(origin)} 0V20"/>'
        return _svg(
            f'<svg class="range" viewBox="0 0 {self.width:g} 20" width="{self.width:g}" '
            f'height="20" aria-hidden="true">{upright}'
            f'<circle cx="{self.at(value)}" cy="10" r="5"/></svg>'
        )

    def range(self, value: float, low: float, high: float, origin: float | None = 0.0) -> Markup:
        """A dot with a line from one end of what is likely to the other.

        Args:
            value: of the dot.
            low: end of the line; equal to the value where nothing is known.
            high: its other end.
            origin: value at an upright line, to read the dot against; None: no line.
        """
        upright = "" if origin is None else f'<path class="axis" d="M{self.at(origin)} 0V16"/>'
        side = "" if origin is None else (" high" if value >= origin else " low")
        return _svg(
            f'<svg class="range{side}" viewBox="0 0 {self.width:g} 16" width="{self.width:g}" '
            f'height="16" aria-hidden="true">{upright}'
            f'<path class="line" d="M{self.at(low)} 8H{self.at(high)}"/>'
            f'<circle cx="{self.at(value)}" cy="8" r="4.4"/></svg>'
        )


def bar(share: float, width: float = 120.0) -> Markup:
    """A bar of a share of its width."""
    length = round(width * min(max(share, 0.0), 1.0), 1)
    return _svg(
        f'<svg class="bar" viewBox="0 0 {width:g} 10" width="{width:g}" height="10" '
        f'preserveAspectRatio="none" aria-hidden="true"><rect class="whole" width="{width:g}" '
        f'height="10" rx="2"/><rect width="{length}" height="10" rx="2"/></svg>'
    )


def columns(values: Sequence[float], others: Sequence[float], names: Sequence[str]) -> Markup:
    """Upright bars, each with a line at how high it is for all.

    Args:
        values: shares of this one, n of them.
        others: shares of all.
        names: of the bars.
    """
    step, height = 34.0, 96.0
    most = max(*values, *others, 1e-9)
    parts = []
    for number, (value, other, name) in enumerate(zip(values, others, names, strict=True)):
        left, tall = step * number, height * value / most
        line = height * (1 - other / most)
        parts.append(
            f'<rect x="{left + 4:g}" y="{height - tall:.1f}" width="{step - 8:g}" '
            f'height="{tall:.1f}" rx="2"/><path d="M{left + 1:g} {line:.1f}h{step - 2:g}"/>'
            f'<text x="{left + step / 2:g}" y="{height + 16:g}">{escape(name)}</text>'
        )
    width = step * len(names)
    return _svg(
        f'<svg class="columns" viewBox="0 -2 {width:g} {height + 24:g}" width="{width:g}" '
        f'aria-hidden="true">{"".join(parts)}</svg>'
    )


def learning_curve(history: TrainingHistory) -> Markup:
    """Error on validation ratings, where there are any, and training loss, by epoch or sweep.

    The training loss is drawn on a scale of its own where there is a validation error: it holds
    the penalty, so that its height means nothing beside an error. The end of the burn-in, where
    there is one, is an upright.
    """
    epochs = history.epochs
    number = np.array([epoch.number for epoch in epochs], np.float64)
    lines = [("training", np.array([epoch.training_loss for epoch in epochs], np.float64))]
    if all(epoch.validation_mse is not None for epoch in epochs):
        errors = np.array([epoch.validation_mse for epoch in epochs], np.float64)
        lines.insert(0, ("validation", errors))
    width, height, left, low = 640.0, 260.0, 46.0, 226.0
    x = left + (number - 1) / max(number[-1] - 1, 1) * (width - left - 14)
    parts = [f'<path class="axis" d="M{left:g} 8V{low:g}H{width:g}"/>']
    if history.burn_in:
        end = left + (history.burn_in - 0.5) / max(number[-1] - 1, 1) * (width - left - 14)
        parts.append(f'<path class="burn-in" d="M{end:.1f} 8V{low:g}"/>')
    for place, (name, values) in enumerate(lines):
        bottom, top = float(values.min()), float(values.max())
        y = low - 8 - (values - bottom) / ((top - bottom) or 1.0) * (low - 26)
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
        parts.append(f'<path class="{name}" d="M{path}"/>')
        if place == 0:
            parts += [
                f'<text class="end" x="{left - 8:g}" y="{at:.1f}">{value:.3f}</text>'
                for value, at in ((top, 22.0), (bottom, low - 4))
            ]
            if history.best_epoch is not None:
                best = int(np.flatnonzero(number == history.best_epoch)[0])
                parts.append(f'<circle cx="{x[best]:.1f}" cy="{y[best]:.1f}" r="4.5"/>')
    for at in sorted({0, len(epochs) // 2, len(epochs) - 1}):
        parts.append(f'<text class="mid" x="{x[at]:.1f}" y="{low + 20:g}">{number[at]:.0f}</text>')
    parts.append(f'<text class="mid" x="{width / 2:g}" y="{height - 2:g}">{history.unit}</text>')
    return _svg(
        f'<svg class="curve" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="Learning curve over {numbers.counted(len(epochs), history.unit)}">'
        f"{''.join(parts)}</svg>"
    )
