"""What to say beside an error about a name that nobody has: the names that there are.

Rules of this file: an error stays what it was; it gets a hint. Where names can't be had it gets none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from consoles.nearest import suggestion
from consoles.reasons import reason_of
from consoles.synchronous import Console
from qmfagent.errors import QmfAgentError, RemoteError
from qmfagent.qmf.opcodes import ErrorCode

_REASONS = ("no-holder", "unknown-ticket", "not-delivered", "not-replicated")
"""Refusals that a wrong name of a ticket ends in."""


@contextmanager
def naming_tickets(console: Console, ticket: str) -> Iterator[None]:
    """Have what fails for want of such a ticket say which there are; nothing where `ticket` is empty."""
    try:
        yield
    except QmfAgentError as error:
        if ticket and (reason_of(error) in _REASONS or no_such_object(error)):
            error.hint = "; ".join(filter(None, (error.hint, unknown_ticket(console, ticket))))
        raise


def unknown_ticket(console: Console, ticket: str) -> str:
    """That no site knows a ticket, and which there are; empty where one does."""
    with suppress(QmfAgentError):
        known = {str(each.values["name"]) for each in console.query("Ticket")}
        if ticket not in known:
            return f"no site knows ticket {ticket!r}: {suggestion(ticket, known, 'tickets are')}"
    return ""


def no_such_object(error: QmfAgentError) -> bool:
    """Whether an agent has answered that it has no object of that name."""
    return isinstance(error, RemoteError) and error.code == ErrorCode.UNKNOWN_OBJECT
