"""What every request goes through: headers, the check of where it comes from, and the tokens of forms.

Rules of this file: what changes something is a POST, comes from a page of ours, and proves it twice: by the Origin that the
browser gives, and by the token of the session. There is nothing that a page of another origin may embed, frame, or read. Each
POST is logged with who sent it.
Source: OWASP's cheat sheets on CSRF and on HTTP headers; CSP Level 3; Fetch Metadata.
"""

from __future__ import annotations

import logging
import secrets
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consoles.web.visiting import session_of

MAX_BODY = 64 * 1024
"""Bytes of a request's body."""
MAX_FIELDS = 1000
"""Fields of a form."""
STATIC = "/static/"
"""What the paths begin with that are no pages."""

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # No stricter: without a referrer, browsers give no Origin with forms either.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HSTS = "max-age=31536000"
_SAFE = frozenset({"GET", "HEAD"})

log = logging.getLogger(__name__)


class SecurityHeaders:
    """Gives every answer its headers; what is no static file is kept by no cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(scope, MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, with_headers)


def add_headers(scope: Scope, headers: MutableHeaders) -> None:
    """Put the headers of every answer to these."""
    headers.update(_HEADERS)
    headers.setdefault("Cache-Control", "no-store")
    if scope["scheme"] == "https":
        headers["Strict-Transport-Security"] = _HSTS


class RequestCheck:
    """Lets through what a page of ours has sent: other methods than GET and HEAD with our Origin and the session's token."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or scope["method"] in _SAFE:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()  # bounded by the application
        session = session_of(request)
        identity = session.identity if session else "nobody"
        problem = _problem(request, body, session.csrf if session else "")
        if problem:
            log.warning(
                "%s (%s): %s %s is refused: %s", identity, _address(scope), request.method, request.url.path, problem
            )
            response: Response = PlainTextResponse(
                f"{problem}; go back, load the page anew and try again\n", status_code=403
            )
            await response(scope, receive, send)
            return
        handed_on = False

        async def again() -> Message:
            nonlocal handed_on
            if handed_on:
                return await receive()
            handed_on = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                log.info("%s (%s): %s %s: %d", identity, _address(scope), request.method, request.url.path, status)
            await send(message)

        await self._app(scope, again, logged)


def _problem(request: Request, body: bytes, csrf: str) -> str:
    """Why a request is not let through; empty where it is. `csrf` is the session's token, empty where there is none."""
    if request.method != "POST":
        return f"{request.method} is not allowed"
    if not _is_of_ours(request):
        return "this request comes from no page of this web console"
    try:
        token = _token(request, body)
    except ValueError:
        return f"the form has more than {MAX_FIELDS} fields"
    if csrf and not secrets.compare_digest(token.encode(), csrf.encode()):
        return "the form is of an earlier session"
    return ""


def _is_of_ours(request: Request) -> bool:
    """Whether the browser says that a page of ours has sent it."""
    origin = request.headers.get("origin")
    if origin is not None and origin != f"{request.url.scheme}://{request.headers.get('host', '')}":
        return False
    site = request.headers.get("sec-fetch-site")
    return site == "same-origin" if site is not None else origin is not None


def _token(request: Request, body: bytes) -> str:
    """The token that a request brings. Raises ValueError where its form has too many fields, wherever the token is."""
    fields: dict[str, list[str]] = {}
    if request.headers.get("content-type", "").partition(";")[0].strip() == "application/x-www-form-urlencoded":
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=MAX_FIELDS)
    return request.headers.get("x-csrf-token", fields.get("csrf", [""])[0])


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown address"
