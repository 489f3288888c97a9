"""What an engine tells the owner of a connection.

Rules of this file: every call comes from the event loop, and must not block. A call that raises costs the connection.
Links and deliveries are proton's objects; they are compared, never kept beyond on_detach and on_closed.
"""

from __future__ import annotations

from typing import Protocol

from proton import Condition, Delivery, Link


class ConnectionHandler(Protocol):
    """The owner of one connection."""

    def on_open(self) -> None:
        """The peer has opened the connection; its identity is known."""

    def on_closed(self, reason: str) -> None:
        """The connection is over, with the reason in words. Called once, and nothing is called after it."""

    def on_attach(self, link: Link) -> None:
        """The peer has attached a link, or answered our attach."""

    def on_detach(self, link: Link, condition: Condition | None) -> None:
        """The peer has closed a link, or the session it is in."""

    def on_credit(self, link: Link) -> None:
        """The peer has changed the credit of a link we send on."""

    def on_message(self, link: Link, data: bytes) -> Condition | None:
        """A message has arrived whole. None accepts it, a condition rejects it."""

    def on_outcome(self, link: Link, delivery: Delivery) -> None:
        """The peer has settled a message that we sent, or given it a state."""

    def on_writable(self) -> None:
        """The socket takes data again after it did not."""
