"""matplotlib figures as SVG that lives in a page: its colours, its fonts, its ids.

matplotlib writes a file that stands alone. Inside a page, its style sheet would apply to the whole
page, its ``style`` attributes are forbidden by the page's Content-Security-Policy, its ids clash
with those of other pictures, and its colours suit a light page only. Here styles become attributes,
ids get a prefix, and colours become variables of the page's style sheet.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from tastemap.plots import look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d{3,}")

_VARIABLES = {
    look.INK: "ink",
    look.MUTED: "muted",
    look.LINE: "line",
    look.PAPER: "paper",
    look.ACCENT: "accent",
    look.LOW: "low",
    look.HIGH: "high",
} | {colour: f"series-{number}" for number, colour in enumerate(look.SERIES, 1)}


def inline(figure: Figure, name: str, description: str) -> str:
    """An ``<svg>`` element of a figure, safe to put into HTML as it is.

    Args:
        figure: what `tastemap.plots` gave.
        name: goes before every id; letters, different for each picture of a page.
        description: what the picture shows, for those who do not see it.
    """
    file = io.BytesIO()
    with look.style():
        figure.savefig(
            file, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None}
        )
    # Our own output: titles in it are escaped by matplotlib and again when it is written here.
    root = ElementTree.fromstring(file.getvalue())  # noqa: S314
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", file.getvalue().decode()))
    for node in root.iter():
        _restyle(node, name, used)
    _, _, width, height = root.get("viewBox", "0 0 1 1").split()
    root.attrib = {
        "viewBox": f"0 0 {float(width):.0f} {float(height):.0f}",
        "class": f"chart chart-{name}",
        "role": "img",
        "aria-label": description,
        "stroke-linejoin": "round",
    }
    ElementTree.register_namespace("", _SVG.strip("{}"))
    return _compact(ElementTree.tostring(root, encoding="unicode"))


def _restyle(node: ElementTree.Element, name: str, used: set[str]) -> None:
    """Turn one element's style into attributes, and prefix its id if anything refers to it."""
    node.tail = None
    if node.tag != f"{_SVG}text":
        node.text = None
    for declaration in node.attrib.pop("style", "").split(";"):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key and key not in ("font-family", "font"):
            variable = _VARIABLES.get(value)
            node.set(key, f"var(--{variable})" if variable else value)
        elif key == "font":
            for size in re.findall(r"[\d.]+px", value):
                node.set("font-size", size)
    identity = node.attrib.pop("id", None)
    if identity in used:
        node.set("id", f"{name}-{identity}")
    if _XLINK in node.attrib:
        node.set("href", f"#{name}-{node.attrib.pop(_XLINK).removeprefix('#')}")
    if "clip-path" in node.attrib:
        node.set("clip-path", node.attrib["clip-path"].replace("url(#", f"url(#{name}-"))
    if node.get("transform", "").startswith(("rotate(-0 ", "rotate(0 ")):
        del node.attrib["transform"]
    for key in ("d", "x", "y", "transform"):
        if key in node.attrib:
            rounded = _NUMBER.sub(lambda found: f"{float(found.group()):.2f}", node.attrib[key])
            node.set(key, " ".join(rounded.split()))


def _compact(text: str) -> str:
    """Without groups that group nothing."""
    before = ""
    while before != text:
        before = text
        text = re.sub(r"<g ?/>|<g></g>|<defs ?/>", "", text)
        text = re.sub(r"<g>((?:(?!</?g[ >]).)*)</g>", r"\1", text, flags=re.DOTALL)
    return text
