"""Requests and replies per second of listener and client, against a bare proton Container that does the same.

Rules of this file: server and client are separate processes on loopback, 64 requests are outstanding, each carries a map of
about 1 KiB that is decoded and encoded at both ends. The two run in turns.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import Any

import proton
from proton.handlers import MessagingHandler
from proton.reactor import Container

from qmfagent.bus.client import Connection
from qmfagent.bus.listener import Listener
from qmfagent.qmf.message import DIRECT, RESPONSE, TOPIC, Address, Message
from tests.bench.result import Result

REQUESTS = 5000
ROUNDS = 3
OUTSTANDING = 64
BODY = {f"property_{index:02d}": "value " * 4 for index in range(24)}
ME = Address(TOPIC, "direct-console.bench")


class ContainerEcho(MessagingHandler):
    """Sends every message back to its reply-to."""

    def __init__(self, port: Pipe) -> None:
        super().__init__()
        self._port = port
        self._senders: dict[str, proton.Sender] = {}

    def on_start(self, event: proton.Event) -> None:
        acceptor = event.container.listen("127.0.0.1:0")
        self._port.send(acceptor._selectable._delegate.getsockname()[1])

    def on_link_opening(self, event: proton.Event) -> None:
        if event.link.is_sender:
            address = event.link.source.address = "replies"
            self._senders[address] = event.link

    def on_message(self, event: proton.Event) -> None:
        request = event.message
        self._senders[request.reply_to].send(
            proton.Message(body=request.body, correlation_id=request.correlation_id, address=request.reply_to)
        )


class ContainerClient(MessagingHandler):
    """Keeps 64 requests outstanding until all are answered."""

    def __init__(self, port: int, requests: int) -> None:
        super().__init__()
        self._port, self._requests = port, requests
        self._sent = self._answered = 0
        self.seconds = 0.0

    def on_start(self, event: proton.Event) -> None:
        connection = event.container.connect(f"amqp://127.0.0.1:{self._port}")
        event.container.create_receiver(connection, "replies")
        self._sender = event.container.create_sender(connection, "requests")

    def on_sendable(self, event: proton.Event) -> None:
        if not self._sent:
            self._started = time.perf_counter()
            for _ in range(OUTSTANDING):
                self._send()

    def _send(self) -> None:
        self._sent += 1
        self._sender.send(proton.Message(body=BODY, correlation_id=str(self._sent), reply_to="replies"))

    def on_message(self, event: proton.Event) -> None:
        assert event.message.body == BODY
        self._answered += 1
        if self._answered == self._requests:
            self.seconds = time.perf_counter() - self._started
            event.connection.close()
            event.container.stop()
        elif self._sent < self._requests:
            self._send()


def serve_container(port: Pipe) -> None:
    Container(ContainerEcho(port)).run()


def measure_container(port: int, requests: int) -> float:
    client = ContainerClient(port, requests)
    Container(client).run()
    return requests / client.seconds


def serve_listener(port: Pipe) -> None:
    async def serve() -> None:
        def answer(request: Message, identity: Any) -> None:
            assert request.reply_to is not None
            cid = request.correlation_id
            listener.send(Message(request.reply_to, "_method_response", RESPONSE, request.body, correlation_id=cid))

        listener = Listener("amqp://127.0.0.1:0", addresses=[Address(DIRECT, "echo")], on_message=answer)
        port.send(await listener.start())
        await asyncio.Event().wait()

    asyncio.run(serve())


def measure_listener(port: int, requests: int) -> float:
    async def run() -> float:
        waiting: dict[str | None, asyncio.Future[Any]] = {}
        client = Connection(
            f"amqp://127.0.0.1:{port}",
            addresses=[ME],
            on_message=lambda answer: waiting.pop(answer.correlation_id).set_result(answer.body),
        )
        client.start()
        await client.wait_up(5)

        async def ask(first: int) -> None:
            for number in range(first, requests, OUTSTANDING):
                cid = str(number)
                waiting[cid] = answered = asyncio.get_running_loop().create_future()
                to = Address(DIRECT, "echo")
                await client.send(Message(to, "_method_request", "request", BODY, correlation_id=cid, reply_to=ME))
                assert await answered == BODY

        started = time.perf_counter()
        await asyncio.gather(*(ask(first) for first in range(OUTSTANDING)))
        seconds = time.perf_counter() - started
        await client.stop()
        return requests / seconds

    return asyncio.run(run())


def against(serve: Callable[[Pipe], None], measure: Callable[[int, int], float], requests: int) -> float:
    """Requests a second of a client in this process against a server in another."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        return measure(ours.recv(), requests)
    finally:
        server.terminate()
        server.join()


def run() -> list[Result]:
    """Requests and replies a second. There is no target: theirs does nothing but echo."""
    samples = [
        (against(serve_listener, measure_listener, REQUESTS), against(serve_container, measure_container, REQUESTS))
        for _ in range(ROUNDS)
    ]
    ours, theirs = (statistics.median(side) for side in zip(*samples, strict=True))
    return [Result("requests a second of listener and client / of bare proton", ours, theirs, "1/s")]
