"""Which status an error is answered with.

Rules of this file: 4xx says that the request should be another one, 409 that the state of things forbids it now, 500 that this
agent, its cluster or another site failed. 401 says that proving who one is might help, 403 that it would not.
Source: AMQP Management Version 1.0 (working draft), section 2.4 (status codes); RFC 9110, 15.5 and 15.6.
"""

from __future__ import annotations

from qmfagent.errors import (
    ConfigError,
    ConfigurationChanged,
    InputError,
    ManagementError,
    QmfAgentError,
    Refused,
    RemoteError,
    SiteFileError,
    TransformError,
    UnknownObject,
    UnknownTicket,
)
from qmfagent.management.message import Status

_OF_REASON = {
    "forbidden": Status.FORBIDDEN,
    "unknown-token": Status.NOT_FOUND,
    "too-old": Status.NOT_FOUND,
    "too-large": Status.BAD_REQUEST,
    "rate-limit": Status.BAD_REQUEST,
    "busy": Status.INTERNAL_ERROR,
    "interrupted": Status.INTERNAL_ERROR,
    "internal": Status.INTERNAL_ERROR,
}
"""Reasons of refusals whose status is not 409."""

_OF_CLASS: tuple[tuple[tuple[type[QmfAgentError], ...], Status], ...] = (
    ((UnknownObject, UnknownTicket), Status.NOT_FOUND),
    # What this site itself is set up with, and no fault of the request.
    ((SiteFileError, TransformError, ConfigError), Status.INTERNAL_ERROR),
    ((InputError,), Status.BAD_REQUEST),
    ((ConfigurationChanged,), Status.CONFLICT),
)


def status_of(error: QmfAgentError, *, authenticated: bool) -> Status:
    """The status of a failed request; `authenticated` says whether its sender had proved who it is."""
    if isinstance(error, ManagementError):
        return Status(error.status)
    if isinstance(error, (Refused, RemoteError)) and error.reason:
        status = _OF_REASON.get(error.reason, Status.CONFLICT) if isinstance(error, Refused) else Status.CONFLICT
        return Status.UNAUTHORIZED if status is Status.FORBIDDEN and not authenticated else status
    return next((status for kinds, status in _OF_CLASS if isinstance(error, kinds)), Status.INTERNAL_ERROR)
