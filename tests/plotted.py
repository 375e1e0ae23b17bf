"""What pictures are tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from tastemap import plots
from tastemap.explanation.biases import BiasRanking
from tastemap.explanation.components import TasteMap

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SVG = "{http://www.w3.org/2000/svg}"


def map_of(titles: list[str], *, spread: float = 1.0, seed: int = 0) -> TasteMap:
    rng = np.random.default_rng(seed)
    n = len(titles)
    return TasteMap(
        codes=np.arange(n),
        items=list(range(n)),
        titles=titles,
        x=rng.normal(0, spread, n).astype(np.float32),
        y=rng.normal(0, spread, n).astype(np.float32),
        counts=np.arange(n, 0, -1),
        biases=np.zeros(n, np.float32),
        x_label="component 1",
        y_label="component $3",
    )


def ranking_of(titles: list[str]) -> BiasRanking:
    n = len(titles)
    return BiasRanking(
        ranks=np.arange(1, n + 1),
        codes=np.arange(n),
        items=list(range(n)),
        titles=titles,
        biases=np.linspace(1, -1, n, dtype=np.float32),
        means=np.full(n, 3.0),
        counts=np.full(n, 10),
    )


def axes(figure: Figure) -> Axes:
    return figure.axes[0]


def svg_texts(figure: Figure, folder: Path) -> list[str]:
    file = plots.save(figure, folder / "picture.svg")
    found = ElementTree.parse(file).iter(f"{SVG}text")  # noqa: S314  # our own file
    return ["".join(text.itertext()) for text in found]


def drawn_labels(figure: Figure) -> tuple[list[str], np.ndarray[Any, Any]]:
    """The titles on a map, and left, bottom, right, top of each in pixels."""
    figure.draw_without_rendering()
    shown = [text for text in axes(figure).texts if text.get_visible()]
    return [text.get_text() for text in shown], np.array(
        [text.get_window_extent().extents for text in shown]
    )


def overlaps(boxes: np.ndarray[Any, Any]) -> list[tuple[int, int]]:
    low, high = boxes[:, :2], boxes[:, 2:]
    meet = np.all((low[:, None] < high) & (low < high[:, None]), axis=2)
    return [(int(a), int(b)) for a, b in np.argwhere(meet) if a < b]
