"""The names of refusals and failures, as events, audit lines and answers give them.

Rules of this file: docs/reference/reasons.md explains every name that stands here, and no other. What another site's agent
answers keeps the name that it has there.
"""

from __future__ import annotations

from qmfagent.errors import (
    BusError,
    ClusterError,
    ConfigurationChanged,
    ConnectionLost,
    Disconnected,
    JournalError,
    QmfAgentError,
    Refused,
    RemoteError,
    RequestTimeout,
    UnknownTicket,
    WriteRejected,
)

INTERNAL = "internal"
INTERRUPTED = "interrupted"

REFUSALS = frozenset(
    {
        "holder",
        "split",
        "no-holder",
        "not-holder",
        "holder-changed",
        "stale",
        "unknown-token",
        "granted",
        "not-replicated",
        "unknown-change",
        "not-delivered",
        "drifted",
        "contested",
        "clash",
        "in-use",
        "pattern",
        "withdrawn",
        "independent",
        "ticket-rule",
        "schema",
        "verify",
        "no-agent",
        "version",
        "unknown-signer",
        "unsigned",
        "bad-signature",
        "agent-not-allowed",
        "forbidden",
        "busy",
        "too-old",
        "too-large",
        "rate-limit",
        "booth",
    }
)
"""Reasons of Refused."""

_REASONS: tuple[tuple[type[QmfAgentError], str], ...] = (
    (ConfigurationChanged, "configuration-changed"),
    (WriteRejected, "rejected"),
    (Disconnected, "disconnected"),
    (ClusterError, "cluster"),
    (ConnectionLost, "unreachable"),
    (RequestTimeout, "unreachable"),
    (BusError, "remote"),
    (UnknownTicket, "unknown-ticket"),
    (JournalError, "damaged"),
    (QmfAgentError, "invalid"),
)

REASONS = REFUSALS | {reason for _, reason in _REASONS} | {INTERNAL, INTERRUPTED}
"""All reasons there are."""


MAX_MESSAGE = 2000
"""Characters of a failure in words, wherever it is told but in the answer to who asked."""


def message_of(error: QmfAgentError) -> str:
    """What went wrong in words, cut where they are very many."""
    text = str(error)
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "\N{HORIZONTAL ELLIPSIS}"


def reason_of(error: QmfAgentError) -> str:
    """The name of what went wrong."""
    if isinstance(error, (Refused, RemoteError)) and error.reason:
        return error.reason
    return next(reason for kind, reason in _REASONS if isinstance(error, kind))
