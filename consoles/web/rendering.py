"""Templates, and what all of them know.

Rules of this file: everything is escaped but what a template itself says; a name that a template does not get is an error.
Links are made by `url`, so that they are right wherever the console is mounted, and names in them are quoted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from consoles.words import moment, words

HERE = Path(str(files("consoles.web")))
STATIC = HERE / "static"


def render(request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
    """A template as the answer to a request."""
    return HTMLResponse(fragment(request, template, **values), status)


def fragment(request: Request, template: str, /, **values: Any) -> str:
    """A template as text, such as what a server-sent event carries."""
    root = str(request.scope.get("root_path", ""))
    return (
        _environment()
        .get_template(template)
        .render(
            visit=getattr(request.state, "visit", None),
            login=request.app.state.options.login,
            url=lambda *segments, **query: url(root, segments, query),
            static=lambda name: url(root, ("static", version(), *name.split("/")), {}),
            **values,
        )
    )


def url(root: str, segments: tuple[str, ...], query: Mapping[str, Any]) -> str:
    """The address of a page below `root`: segments of its path and what is asked for, a list for what is asked
    for several times, None for what is not."""
    path = "/".join(quote(str(segment), safe="") for segment in segments)
    asked = urlencode({name: value for name, value in query.items() if value is not None}, doseq=True)
    return f"{root}/{path}{'?' if asked else ''}{asked}"


def redirect(request: Request, *segments: str, **query: str) -> Response:
    """The way from what a form has sent to a page that may be loaded any number of times."""
    return RedirectResponse(url(str(request.scope.get("root_path", "")), segments, query), 303)


@cache
def version() -> str:
    """What names the static files as they are: a digest of all of them. So they may be kept for ever."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(STATIC).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": words, "moment": moment, "iso": _iso}
    return environment


def _iso(nanoseconds: int) -> str:
    """A QMF timestamp for the `datetime` of a <time>, empty where it is none."""
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="seconds") if nanoseconds else ""
    except (OverflowError, ValueError, OSError):
        return ""
