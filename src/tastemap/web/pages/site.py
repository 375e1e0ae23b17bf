"""How a page is made: its template, and the scripts and styles it loads."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tastemap.plots import numbers

_HOMES = ("tastemap.maps", "tastemap.web.pages.static")
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_A_YEAR = 31_536_000


@dataclass(frozen=True)
class Asset:
    """A file that pages load, as it is sent.

    Attributes:
        body: its bytes.
        packed: the same in gzip.
        kind: media type.
        tag: changes whenever the file does.
    """

    body: bytes
    packed: bytes
    kind: str
    tag: str

    @classmethod
    def of(cls, body: bytes, kind: str) -> Asset:
        """Pack a file."""
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        return cls(body, gzip.compress(body, 6, mtime=0), kind, tag)

    def response(self, request: Request, cache_control: str) -> Response:
        """The file, packed for a browser that can unpack it."""
        headers = {"cache-control": cache_control, "vary": "accept-encoding", "etag": self.tag}
        if request.headers.get("if-none-match") == self.tag:
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(self.body, media_type=self.kind, headers=headers)
        headers["content-encoding"] = "gzip"
        return Response(self.packed, media_type=self.kind, headers=headers)


@cache
def assets() -> dict[str, Asset]:
    """The scripts and styles of all pages, by name: those of the map and those of this folder."""
    files = [file for home in _HOMES for file in resources.files(home).iterdir()]
    return {
        file.name: Asset.of(file.read_bytes(), kind)
        for file in sorted(files, key=lambda one: one.name)
        if (kind := _TYPES.get(file.name.rpartition(".")[2]))
    }


@cache
def version() -> str:
    """Changes whenever a script or style does, so that browsers may keep them for good."""
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(name.encode() + asset.body)
    return digest.hexdigest()[:12]


def static(request: Request) -> Response:
    """A script or a style. Modules import their neighbours, so the version is a folder."""
    asset = assets().get(request.path_params["name"])
    if asset is None:
        return Response("There is no such file.", 404, media_type="text/plain")
    fresh = request.path_params["version"] == version()
    return asset.response(request, f"public, max-age={_A_YEAR}, immutable" if fresh else "no-cache")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("tastemap.web.pages"), jinja2.PackageLoader("tastemap.maps", ".")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for format_of in (numbers.count, numbers.decimal, numbers.signed, numbers.percent):
        environment.filters[format_of.__name__] = format_of
    environment.filters["seconds"] = numbers.seconds
    environment.filters["json"] = json.dumps
    environment.filters["sentence"] = sentence
    environment.globals["item_url"] = item_url
    environment.globals["user_url"] = user_url
    environment.globals["asset"] = lambda name: f"/static/{version()}/{name}"
    return environment


def capital(text: str) -> str:
    """A text that starts a sentence: its first letter is large, the others stay."""
    return f"{text[:1].upper()}{text[1:]}"


def sentence(text: object) -> str:
    """What an error or a remark says, as a sentence."""
    said = str(text)
    return f"{capital(said)}."


def item_url(item: object) -> str:
    """Where the page of an item is, by its raw id."""
    return _url("/explore/items", str(item))


def user_url(user: object) -> str:
    """Where the page of a user is, by their raw id."""
    return _url("/explore/users", str(user))


def _url(path: str, raw: str) -> str:
    # Browsers take these for steps in the path, also where they are written %2e.
    return f"{path}?id={raw}" if raw in (".", "..") else f"{path}/{quote(raw, safe='')}"


def render(template: str, status: int = 200, **content: Any) -> HTMLResponse:
    """A page. Pages show ratings of people and answer to feedback at once: nobody keeps them."""
    text = _environment().get_template(template).render(**content)
    return HTMLResponse(text, status, headers={"cache-control": "no-store"})
