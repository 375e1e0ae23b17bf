"""The page of a report: template, styles, scripts and data in one HTML file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from typing import Any

from tastemap.errors import require

_OF_THE_MAP = re.compile(r"(palette|coverage|page)\.css|map(-\w+)?\.(js|css)")
_IMPORT = re.compile(r'^import [^;]*? from "\./([\w-]+\.js)";\n', re.MULTILINE)


def render(content: dict[str, Any]) -> str:
    """The HTML file of what `tastemap.report.sections.gather` gathered."""
    jinja2 = require("jinja2", "report")
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(home, ".") for home in ("tastemap.report", "tastemap.maps")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = "".join(map(_text, ("palette.css", "coverage.css", "page.css", "report.css")))
    script = bundle("report.js")
    if content["map"] is not None:
        # map.css first: the page may restyle the map.
        style, script = _text("map.css") + style, script + bundle("report-map.js")
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    page: str = environment.get_template("report.html").render(
        **content,
        policy=policy,
        style=_verbatim(style),
        script=_verbatim(script),
        map_json=as_json(content["map"]),
    )
    return page


def bundle(name: str) -> str:
    """A module and all it imports, as one: each module before those that need it.

    The modules share no top-level name, so that their import lines can simply go.
    """
    order: dict[str, str] = {}

    def add(module: str) -> None:
        if module not in order:
            text = _text(module)
            for imported in _IMPORT.findall(text):
                add(imported)
            order[module] = _IMPORT.sub("", text)

    add(name)
    return "\n".join(order.values())


def as_json(value: Any) -> Any:
    """JSON that no browser can take for markup, whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return _verbatim(text)


def _text(name: str) -> str:
    """A file of the map, or of this folder."""
    home = "tastemap.maps" if _OF_THE_MAP.fullmatch(name) else "tastemap.report"
    return resources.files(home).joinpath(name).read_text(encoding="utf-8")


def _verbatim(text: str) -> Any:
    """Text that goes into the page as it is: our own files, and JSON made safe before."""
    if re.search(r"</(script|style)|<!--", text, re.IGNORECASE):
        raise ValueError("this text would end the element it stands in")
    return require("markupsafe", "report").Markup(text)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
