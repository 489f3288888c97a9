"""Errors as answers: what is wrong, the name of a refusal, and what to do next.

Rules of this file: an error that was to be expected is told as it is; of one that is ours the log has all and the page nothing.
What htmx asked for is answered with a fragment, anything else with a page.
"""

from __future__ import annotations

import logging
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consoles.reasons import reason_of
from consoles.web.rendering import render, url
from consoles.web.security import add_headers
from qmfagent.errors import (
    ConnectionLost,
    InputError,
    QmfAgentError,
    Refused,
    RemoteError,
    RequestTimeout,
    UnknownObject,
    UnknownTicket,
)
from qmfagent.qmf.opcodes import ErrorCode

_TITLES = {
    400: "That can't be done",
    403: "You may not do that",
    404: "There is no such thing",
    405: "That is not how this page is asked",
    409: "The agent says no",
    503: "The site can't be reached",
}

log = logging.getLogger(__name__)


def status_of(error: QmfAgentError) -> int:
    """The HTTP status of an error."""
    reason = reason_of(error)
    if reason:
        return 403 if reason == "forbidden" else 409
    if isinstance(error, ConnectionLost | RequestTimeout):
        return 503
    if isinstance(error, UnknownObject | UnknownTicket):
        return 404
    if isinstance(error, RemoteError):
        return 404 if error.code == ErrorCode.UNKNOWN_OBJECT else 409
    return 400 if isinstance(error, InputError | Refused) else 503


async def agent_problem(request: Request, error: Exception) -> Response:
    """The answer to a QmfAgentError."""
    known = cast(QmfAgentError, error)
    return problem(request, status_of(known), known.message, known.hint, reason_of(known))


async def http_problem(request: Request, error: Exception) -> Response:
    """The answer to an HTTPException."""
    known = cast(HTTPException, error)
    return problem(request, known.status_code, known.detail)


async def not_signed_in(request: Request, error: Exception) -> Response:
    """The way to sign in."""
    to = url(str(request.scope.get("root_path", "")), ("login",), {})
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": to})
    if "text/event-stream" in request.headers.get("accept", ""):
        return Response(status_code=401)
    return RedirectResponse(to, 303)


async def own_fault(request: Request, error: Exception) -> Response:
    """The answer where we have failed: outside of all middleware, so it gets its headers here."""
    log.error("%s %s has failed", request.method, request.url.path, exc_info=error)
    response = problem(request, 500, "This page has failed.", "The log of the web console says why.")
    add_headers(request.scope, response.headers)
    return response


def problem(request: Request, status: int, message: str, hint: str = "", reason: str = "") -> Response:
    """An error as a page, or as a fragment for htmx."""
    template = "problem_fragment.html" if "hx-request" in request.headers else "problem.html"
    title = _TITLES.get(status, "Something went wrong")
    return render(request, template, status, title=title, message=message, hint=hint, reason=reason)
