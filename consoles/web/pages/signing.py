"""Signing in and out.

Rules of this file: whatever is wrong with a user or a password, the answer is the same and takes as long; the log says why. An
attempt is counted before anything of it is looked at.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from consoles.live import Live
from consoles.web.rendering import render, url
from consoles.web.visiting import drop_cookie, session_of, set_cookie
from qmfagent.bus.security.credentials import Credentials
from qmfagent.errors import QmfAgentError

LONGEST = 256
"""Characters of a user's name or password."""
_FAILED = "Wrong user or password, or no site can be reached."
_TOO_MANY = "Too many attempts. Wait a minute, then try again."

log = logging.getLogger(__name__)


async def form(request: Request) -> Response:
    """The login form; without users, how the console is opened."""
    if session_of(request) is not None:
        return RedirectResponse(_to(request), 303)
    if not request.app.state.options.login:
        return render(request, "link_needed.html", 401)
    return render(request, "login.html", problem="", user="")


async def login(request: Request) -> Response:
    """Log in as a user with a password."""
    options = request.app.state.options
    if not options.login:
        return RedirectResponse(_to(request, "login"), 303)
    fields = await request.form()
    user, password = str(fields.get("user", ""))[:LONGEST], str(fields.get("password", ""))[:LONGEST]
    address = request.client.host if request.client else ""
    if not request.app.state.attempts.may(address, user):
        log.warning("%s (%s): too many attempts to log in", user, address)
        return render(request, "login.html", 429, problem=_TOO_MANY, user=user)
    told_at = asyncio.get_running_loop().time() + options.patience
    try:
        if not user or not password:
            raise QmfAgentError("user or password is missing")
        async with request.app.state.logging_in:
            response = await _sign_in(request, user, Credentials(user, password))
    except QmfAgentError as error:
        log.warning("%s (%s): login failed: %s", user, address, error)
        await asyncio.sleep(told_at - asyncio.get_running_loop().time())
        return render(request, "login.html", 401, problem=_FAILED, user=user)
    log.info("%s (%s): logged in", user, address)
    return response


async def opened(request: Request) -> Response:
    """Sign in by the link that can be used once."""
    if request.app.state.options.login or not request.app.state.links.use(request.path_params["token"]):
        return RedirectResponse(_to(request, "login"), 303)
    identity = request.app.state.options.identity
    response = await _sign_in(request, identity, None)
    log.info("%s (%s): signed in by link", identity, request.client.host if request.client else "")
    return response


async def logout(request: Request) -> Response:
    """Sign out; the session's connections end."""
    session = session_of(request)
    if session is not None:
        await request.app.state.sessions.end(session, "as the user wanted")
    response = RedirectResponse(_to(request, "login"), 303)
    drop_cookie(request, response)
    return response


async def _sign_in(request: Request, identity: str, credentials: Credentials | None) -> Response:
    """A session with a console that is connected. Raises QmfAgentError where it can't be."""
    earlier = session_of(request)
    live = Live(lambda on_replica: request.app.state.options.connect(credentials, on_replica))
    await live.console.__aenter__()
    if earlier is not None:
        await request.app.state.sessions.end(earlier, "signed in anew")
    response = RedirectResponse(_to(request), 303)
    set_cookie(request, response, await request.app.state.sessions.begin(identity, live.console, live))
    return response


def _to(request: Request, *segments: str) -> str:
    return url(str(request.scope.get("root_path", "")), segments, {})


routes = [
    Route("/login", form),
    Route("/login", login, methods=["POST"]),
    Route("/open/{token}", opened),
    Route("/logout", logout, methods=["POST"]),
]
