"""Events to 100 consoles, against a bare proton Container that sends the same bytes to 100 links.

Rules of this file: the sender is a process of its own, the receivers are another (consoles.py), the same for both. BURST
events are sent before the sender's loop has its turn again, as a change of the CIB brings several. Ours makes, numbers,
records and encodes every event; theirs has the bytes.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import Any

import proton
from proton.handlers import MessagingHandler
from proton.reactor import Container

from qmfagent.agent import load_schema
from qmfagent.announcer import Announcer
from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.messages import wire
from qmfagent.journal.store import Journal
from qmfagent.objects.event_log import EventLog
from qmfagent.qmf.agent import Agent
from qmfagent.qmf.message import Message
from tests.bench.consoles import CONNECTIONS
from tests.bench.result import Result

EVENTS = 300
BURST = 10
ROUNDS = 3
_EVENT = "ticket_changed"


def run() -> list[Result]:
    """Deliveries a second."""
    rates = [(_rate(serve_agent), _rate(serve_container)) for _ in range(ROUNDS)]
    ours, theirs = (max(side) for side in zip(*rates, strict=True))
    name = f"events a second to {CONNECTIONS} consoles / the same bytes by bare proton"
    return [Result(name, ours, theirs, "1/s", 0.7, at_least=True)]


def values(number: int) -> dict[str, Any]:
    """An event's values; the last event is the mark that consoles wait for."""
    granted = {"ticket": _mark(number), "site": "bench", "granted": True, "standby": False, "term": "0.1700000000"}
    return {**granted, "client": "crm_ticket", "user": "root"}


def _mark(number: int) -> str:
    return f"ticket-{number:06d}"


def serve_agent(port: Pipe) -> None:
    """Send EVENTS events each time that a number comes through the pipe; when that began goes back."""

    async def serve() -> None:
        schema = load_schema()
        agent = Agent("bench", "bench", "bench", schema=schema, source=None)  # type: ignore[arg-type]
        listener = Listener("amqp://127.0.0.1:0", on_message=lambda message, identity: None)
        announcer = Announcer("bench", agent, EventLog(schema, Journal()), listener.send)

        async def send(first: int) -> None:
            port.send(time.monotonic())
            for number in range(first, first + EVENTS):
                announcer.event(_EVENT, values(number))
                if number % BURST == BURST - 1:
                    await asyncio.sleep(0)

        port.send(await listener.start())
        while True:
            await send(await asyncio.to_thread(port.recv))

    asyncio.run(serve())


def event_bytes(number: int) -> bytes:
    """What the agent sends for an event."""
    sent: list[Message] = []
    schema = load_schema()
    agent = Agent("bench", "bench", "bench", schema=schema, source=None)  # type: ignore[arg-type]
    announcer = Announcer("bench", agent, EventLog(schema, Journal()), lambda message, sequence: sent.append(message))
    announcer.event(_EVENT, values(number))
    return wire.encode(sent[0])


class ContainerSender(MessagingHandler):
    """Sends the same, prepared."""

    def __init__(self, port: Pipe) -> None:
        super().__init__()
        self._port = port
        self._links: list[proton.Sender] = []
        self._data = event_bytes(0)
        self._next = self._end = 0

    def on_start(self, event: proton.Event) -> None:
        acceptor = event.container.listen("127.0.0.1:0")
        self._port.send(acceptor._selectable._delegate.getsockname()[1])
        event.container.schedule(0, self)

    def on_link_opening(self, event: proton.Event) -> None:
        event.link.source.copy(event.link.remote_source)
        event.link.snd_settle_mode = event.link.remote_snd_settle_mode
        self._links.append(event.link)

    def on_timer_task(self, event: proton.Event) -> None:
        if self._next < self._end:
            for number in range(self._next, self._next + BURST):
                self._send(number)
            self._next += BURST
        elif self._port.poll():
            self._next = self._port.recv()
            self._end = self._next + EVENTS
            self._port.send(time.monotonic())
        event.container.schedule(0 if self._next < self._end else 0.01, self)

    def _send(self, number: int) -> None:
        data = self._data.replace(_mark(0).encode(), _mark(number).encode())
        for link in self._links:
            delivery = link.delivery(str(number))
            link.stream(data)
            link.advance()
            delivery.settle()


def serve_container(port: Pipe) -> None:
    """The same by a Container."""
    Container(ContainerSender(port)).run()


def _rate(serve: Callable[[Pipe], None]) -> float:
    """Deliveries a second of a sender: the second time, when everything has happened once."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    command = [sys.executable, "-m", "tests.bench.consoles", str(ours.recv())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as consoles:
        assert consoles.stdin is not None
        assert consoles.stdout is not None
        try:
            assert consoles.stdout.readline() == "ready\n"
            for first in (0, EVENTS):
                consoles.stdin.write(_mark(first + EVENTS - 1) + "\n")
                consoles.stdin.flush()
                ours.send(first)
                began = ours.recv()
                ended = float(consoles.stdout.readline())
        finally:
            consoles.stdin.close()
            server.terminate()
            server.join()
    return EVENTS * CONNECTIONS / (ended - began)
