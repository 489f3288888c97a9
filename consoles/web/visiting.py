"""One request of a user who is signed in.

Rules of this file: the cookie is the only proof. Its name bears the port, since browsers give a cookie to every port of a host,
and over TLS the prefix that keeps other hosts of a domain from setting it.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from consoles.asynchronous import AsyncConsole
from consoles.live import Live
from consoles.web.sessions import ABSOLUTE, Session, Sessions


class NotSignedIn(Exception):
    """The request is nobody's: there is no session, or it is over."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request's session: who asks, and the console that acts as him."""

    session: Session

    @property
    def identity(self) -> str:
        """Who is signed in, as the agents' audit will name him."""
        return self.session.identity

    @property
    def csrf(self) -> str:
        """What forms have to bring, as field `csrf`."""
        return self.session.csrf

    @property
    def console(self) -> AsyncConsole:
        """The console of this session, connected as its user."""
        return self.session.console

    @property
    def live(self) -> Live:
        """What is followed for this session."""
        return self.session.live

    async def may(self, site: str, method: str, ticket: str | None = None) -> bool:
        """Whether the user may call a method, such as `Site.apply`, at a site for a ticket; without one, for any at all."""
        return await self.session.permissions.may(site, method, ticket)


async def visiting(request: Request, *, active: bool = True) -> Visit:
    """The visit that a request belongs to. `active` is whether it tells that the user is there: what a page asks for by
    itself does not. Raises NotSignedIn, which becomes the way to sign in."""
    session = session_of(request, active=active)
    if session is None:
        raise NotSignedIn
    visit = Visit(session)
    request.state.visit = visit
    return visit


def session_of(connection: HTTPConnection, *, active: bool = False) -> Session | None:
    """The session that a request's cookie names, if there is one."""
    sessions: Sessions = connection.app.state.sessions
    return sessions.find(connection.cookies.get(cookie_name(connection), ""), active=active)


def cookie_name(connection: HTTPConnection) -> str:
    """The name of the session's cookie at the address that the request is for."""
    secure = connection.url.scheme == "https"
    return f"{'__Host-' if secure else ''}qmfconsole-{connection.url.port or (443 if secure else 80)}"


def set_cookie(request: Request, response: Response, identifier: str) -> None:
    """Give the browser the id of its session."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        cookie_name(request),
        identifier,
        max_age=int(ABSOLUTE),
        httponly=True,
        samesite="strict",
        secure=secure,
        path="/",
    )


def drop_cookie(request: Request, response: Response) -> None:
    """Have the browser forget its session."""
    response.delete_cookie(
        cookie_name(request), path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
