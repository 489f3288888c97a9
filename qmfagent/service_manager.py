"""Tells who started this process how it gets on: systemd, or a resource agent that speaks the same protocol.

Rules of this file: nothing here is needed for the agent to work, so nothing raises; without a NOTIFY_SOCKET nothing is sent.
What is told is true when it is told: READY once consoles can connect, STOPPING once the end has begun, a sign of life from the
event loop itself. The variables are taken out of the environment, so that no child speaks in our name.
Source: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import MutableMapping

_log = logging.getLogger(__name__)

_MAX_STATUS = 500


class ServiceManager:
    """Whoever waits at a NOTIFY_SOCKET; nobody where `address` is empty."""

    def __init__(self, address: str = "", watchdog: float = 0) -> None:
        """`address` is a path, or a name in the abstract namespace that begins with @; in every `watchdog` seconds a sign of
        life is expected, none where it is 0."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog = watchdog

    @classmethod
    def of_environment(cls, environment: MutableMapping[str, str] | None = None) -> ServiceManager:
        """The one that the environment names, whose variables are taken out of it."""
        variables = os.environ if environment is None else environment
        address = variables.pop("NOTIFY_SOCKET", "")
        microseconds, pid = variables.pop("WATCHDOG_USEC", ""), variables.pop("WATCHDOG_PID", str(os.getpid()))
        meant = microseconds.isdecimal() and pid == str(os.getpid())
        return cls(address, int(microseconds) / 1_000_000 if meant else 0)

    def status(self, words: str) -> None:
        """Say in a line what is being done or what went wrong."""
        self._send(f"STATUS={_line(words)}")

    def ready(self, words: str) -> None:
        """Say that consoles can connect."""
        self._send(f"READY=1\nSTATUS={_line(words)}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1\nSTATUS=stopping")

    async def live(self) -> None:
        """Give signs of life for as long as the event loop turns, twice as often as they are expected; return if none are."""
        while self._watchdog:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / 2)

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(message.encode(), self._address)
        except (OSError, ValueError) as error:
            _log.debug("the service manager could not be told: %s", error)


def _line(words: str) -> str:
    """Words as the value of one line."""
    return " ".join(words.split())[:_MAX_STATUS]
