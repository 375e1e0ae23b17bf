"""The page that a map is tested on, and how to look at it."""

from __future__ import annotations

import io
import json
import re
import time
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    Open = Callable[..., Page]

FILES = ("map-view.js", "map-parts.js", "map-gestures.js", "map.js")
HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(2)>"
FAR, LONE = 0, 1  # items drawn apart from all others, so that a test can point at them
WHITE, ROOM = (255, 255, 255), 3000
POLICY = (
    "default-src 'none'; script-src 'nonce-test'; style-src 'nonce-test'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
NO_WEBGL = """
const plain = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind === "webgl2" ? null : plain.call(this, kind, ...rest);
};
"""


def source(name: str) -> str:
    return resources.files("tastemap.maps").joinpath(name).read_text(encoding="utf-8")


def inlined() -> str:
    """The four files as their header says to inline them."""
    return re.sub(r"(?m)^import .*\n", "", "\n".join(map(source, FILES)))


def films(n: int) -> dict[str, Any]:
    """Clusters of films; two lie apart, the most rated of which has a hostile title."""
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(12, 3)) * [1.2, 0.7, 0.7]
    places = centres[rng.integers(12, size=n)] + rng.normal(size=(n, 3)) * 0.3
    places = np.clip(places, -3, 3)
    places[FAR], places[LONE] = (4.87, 4, 3.87), (-4.87, -4, -3.87)  # between the grid lines
    counts = (3 * (1 + rng.pareto(0.9, n))).clip(max=20_000).astype(int)
    counts[FAR], counts[LONE] = 30_000, 25_000
    titles = [f"Film of the {number} ({1930 + number % 90})" for number in range(n)]
    titles[FAR], titles[LONE], titles[7] = HOSTILE, "Amélie (2001)", "Matrix, The (1999)"
    years: list[int | None] = [1930 + number % 90 for number in range(n)]
    years[FAR] = None
    return {
        "items": "films",
        "title": titles,
        "count": counts.tolist(),
        "coords": {str(k + 1): places[:, k].round(4).tolist() for k in range(3)},
        "axis_labels": {"1": "Component 1", "2": "Component 2", "3": HOSTILE},
        "colour": {
            "bias": {"kind": "number", "label": "Bias", "values": places[:, 1].tolist()},
            "genre": {
                "kind": "category",
                "label": "Genre",
                "values": [f"Genre {rng.integers(13)}" for _ in titles],
            },
        },
        "fields": {"year": years, "genres": [["Drama", HOSTILE]] * n},
        "x": "1",
        "y": "3",
    }


def html(data: dict[str, Any], options: str) -> str:
    safe = json.dumps(data).replace("<", "\\u003c")
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style nonce="test">body {{ margin: 10px; background: #fff }} {source("map.css")}</style></head>
<body><div id="place" aria-label="Taste"></div><p id="about">About</p>
<script type="application/json" id="data">{safe}</script>
<script type="module" nonce="test">{inlined()}
window.createMap = createMap;
window.data = JSON.parse(document.getElementById("data").textContent);
window.said = [];
window.map = createMap(document.getElementById("place"), window.data, {options});
for (const name of ["select", "focus", "axes"]) map.on(name, (...v) => said.push([name, ...v]));
</script></body></html>"""


def settle(page: Page, seconds: float = 60) -> None:
    """Wait until the map stands still. (Not wait_for_function, which the policy forbids.)"""
    end = time.monotonic() + seconds
    while not page.evaluate("Boolean(window.map) && !map.state().moving"):
        assert time.monotonic() < end, "the map never came to rest"
        page.wait_for_timeout(30)


def state(page: Page) -> dict[str, Any]:
    settle(page)
    return page.evaluate("map.state()")


def at(page: Page, item: int) -> tuple[float, float]:
    """Where an item is, on the page."""
    settle(page)
    x, y = page.evaluate(f"map.locate({item})")
    box = page.locator(".tm-plot").bounding_box()
    assert box is not None
    return box["x"] + x, box["y"] + y


def pixel(page: Page, x: float, y: float) -> tuple[int, ...]:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    picture = image.open(io.BytesIO(page.screenshot())).convert("RGB")
    scale = page.evaluate("devicePixelRatio")
    colour: tuple[int, ...] = picture.getpixel((round(x * scale), round(y * scale)))
    return colour
