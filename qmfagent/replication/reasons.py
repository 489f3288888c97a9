"""The names of refusals and failures, as events, audit lines and answers give them."""

from __future__ import annotations

from qmfagent.errors import (
    BusError,
    ClusterError,
    ConfigurationChanged,
    ConnectionLost,
    Disconnected,
    QmfAgentError,
    Refused,
    RemoteError,
    RequestTimeout,
    UnknownTicket,
    WriteRejected,
)

_REASONS: tuple[tuple[type[QmfAgentError], str], ...] = (
    (ConfigurationChanged, "configuration-changed"),
    (WriteRejected, "rejected"),
    (Disconnected, "disconnected"),
    (ClusterError, "cluster"),
    (ConnectionLost, "unreachable"),
    (RequestTimeout, "unreachable"),
    (BusError, "remote"),
    (UnknownTicket, "unknown-ticket"),
    (QmfAgentError, "invalid"),
)


def reason_of(error: QmfAgentError) -> str:
    """The name of what went wrong; docs/reference/reasons.md explains each."""
    if isinstance(error, (Refused, RemoteError)) and error.reason:
        return error.reason
    return next(reason for kind, reason in _REASONS if isinstance(error, kind))
