"""The application: pages, middleware and errors put together.

Rules of this file: nothing is decided here but the order: headers around everything, then which host a request is for, then
where it comes from.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount, Route

from consoles.asynchronous import AsyncConsole
from consoles.values import Object
from consoles.web import problems
from consoles.web.assets import Assets
from consoles.web.attempts import Attempts
from consoles.web.links import Links
from consoles.web.pages import (
    apply,
    configuration,
    drill,
    events,
    history,
    journal,
    overview,
    plan,
    schema,
    signing,
    site,
    ticket,
    ticket_action,
)
from consoles.web.rendering import version
from consoles.web.security import MAX_BODY, RequestCheck, SecurityHeaders
from consoles.web.sessions import Sessions
from consoles.web.visiting import NotSignedIn
from qmfagent.bus.security.credentials import Credentials
from qmfagent.errors import QmfAgentError

LOGINS = 8
"""Logins that are tried at a time: each is a connection to every site."""

PAGES: tuple[list[Route], ...] = (
    signing.routes,
    overview.routes,
    site.routes,
    configuration.routes,
    ticket.routes,
    events.routes,
    schema.routes,
    ticket_action.routes,
    plan.routes,
    apply.routes,
    history.routes,
    journal.routes,
    drill.routes,
)

Connect = Callable[[Credentials | None, Callable[[Object], None]], AsyncConsole]
"""Makes the console of a session, not connected yet, that acts as a user, or as ourselves; the second is its `on_replica`."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the console is served.

    `login` is whether users log in; else `identity` is who everybody is who opens a link. `hosts` are the names and addresses
    that it is served under, without ports. A failed login is told after `patience` seconds, or later, but never before.
    """

    connect: Connect
    hosts: tuple[str, ...]
    login: bool = False
    identity: str = ""
    patience: float = 1.0


def create_app(options: Options, *, sessions: Sessions | None = None, links: Links | None = None) -> Starlette:
    """The web console as an ASGI application. `links` are what opens it where nobody logs in."""
    sessions = Sessions() if sessions is None else sessions

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(sessions.sweep())
        yield
        sweeping.cancel()
        await sessions.close()

    app = Starlette(
        routes=[*(route for page in PAGES for route in page), Mount(f"/static/{version()}", Assets())],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=options.hosts, www_redirect=False),
            Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY),
            Middleware(RequestCheck),
        ],
        exception_handlers={
            QmfAgentError: problems.agent_problem,
            NotSignedIn: problems.not_signed_in,
            HTTPException: problems.http_problem,
            Exception: problems.own_fault,
        },
        lifespan=lifespan,
    )
    app.state.options = options
    app.state.sessions = sessions
    app.state.links = links or Links()
    app.state.attempts = Attempts()
    app.state.logging_in = asyncio.Semaphore(LOGINS)
    return app
