"""The part of a connection's handler that sends: what both ends do alike with the links that they send on.

Rules of this file: an outlet is entered and taken out by who attaches and drops its link; here it is told of what the engine
tells.
"""

from __future__ import annotations

from proton import Delivery, Link

from qmfagent.bus.connection.outlet import Outlet


class SendingHandler:
    """The outlets of one connection, by their links; a part of a ConnectionHandler."""

    def __init__(self) -> None:
        self._outlets: dict[Link, Outlet] = {}

    @property
    def waiting(self) -> int:
        """How many messages wait for the peer on all links."""
        return sum(outlet.waiting for outlet in self._outlets.values())

    def on_credit(self, link: Link) -> None:
        """Send what has been waiting for credit."""
        if link in self._outlets:
            self._outlets[link].flush()

    def on_outcome(self, link: Link, delivery: Delivery) -> None:
        """Take the outcome of a message that was sent, or settle what the peer wants to settle itself."""
        if link in self._outlets:
            self._outlets[link].settled(delivery)

    def on_writable(self) -> None:
        """Send what has been waiting for the socket."""
        for outlet in self._outlets.values():
            outlet.flush()
