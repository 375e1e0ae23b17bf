"""The page where people sign in with a key, so that a browser can show what needs one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tastemap.web.pages.site import render
from tastemap.web.security import session
from tastemap.web.security.auth import Refused
from tastemap.web.security.guard import client_of
from tastemap.web.security.logs import NamedRoute

if TYPE_CHECKING:
    from tastemap.web.security.auth import Authenticator


def routes(auth: Authenticator) -> list[Route]:
    """The routes of signing in and out."""

    async def show(request: Request) -> Response:
        following = local(request.query_params.get("next", "/"))
        if not auth.needed:
            return RedirectResponse(following, 303)
        return _page(200, following)

    async def sign_in(request: Request) -> Response:
        form = parse_qs((await request.body()).decode(errors="replace"), max_num_fields=4)
        following = local(form.get("next", ["/"])[0])
        if not auth.needed:
            return RedirectResponse(following, 303)
        try:
            key = auth.by_token(form.get("key", [""])[0].strip(), client_of(request.scope))
        except Refused as refused:
            answer = _page(refused.status, following, mistake=refused.detail)
            answer.headers.update(refused.headers or {})
            return answer
        response = RedirectResponse(following, 303)
        response.headers["set-cookie"] = session.header(
            session.seal(key), secure=request.url.scheme == "https"
        )
        return response

    async def sign_out(request: Request) -> Response:
        response = RedirectResponse("/sign-in", 303)
        response.headers["set-cookie"] = session.header(
            "", secure=request.url.scheme == "https", lifetime=0
        )
        return response

    return [
        NamedRoute("/sign-in", show, methods=["GET"]),
        NamedRoute("/sign-in", sign_in, methods=["POST"]),
        NamedRoute("/sign-out", sign_out, methods=["POST"]),
    ]


def _page(status: int, following: str, mistake: str = "") -> Response:
    return render("sign-in.html", status, following=following, mistake=mistake)


def local(address: str) -> str:
    """An address if it is a path of this service, otherwise the first page: no open redirect."""
    # Browsers read a backslash as a slash, and leave out tabs and line ends.
    if not address.startswith("/") or "\\" in address or not address.isprintable():
        return "/"
    parts = urlsplit(address)
    return "/" if parts.scheme or parts.netloc or address.startswith("//") else address
