"""Requests and answers of a bare proton Container: what there is to compare with.

Rules of this file: client and server are separate processes on loopback, OUTSTANDING requests are under way. Each message is
made, encoded and decoded as any program with proton does it; the answer is the same every time.
"""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection as Pipe
from typing import Any

import proton
from proton.handlers import MessagingHandler
from proton.reactor import Container

OUTSTANDING = 64


class _Server(MessagingHandler):
    """Answers to each message's reply-to."""

    def __init__(self, port: Pipe, answer: Any) -> None:
        super().__init__()
        self._port, self._answer = port, answer
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
        assert request.body
        answer = _message(self._answer, correlation_id=request.correlation_id, address=request.reply_to)
        self._senders[request.reply_to].send(answer)


class _Client(MessagingHandler):
    """Keeps the requests outstanding until all are answered."""

    def __init__(self, port: int, request: Any, answer: Any, requests: int) -> None:
        super().__init__()
        self._port, self._request, self._answer, self._requests = port, request, answer, requests
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

    def on_message(self, event: proton.Event) -> None:
        assert event.message.body == self._answer
        self._answered += 1
        if self._answered == self._requests:
            self.seconds = time.perf_counter() - self._started
            event.connection.close()
            event.container.stop()
        elif self._sent < self._requests:
            self._send()

    def _send(self) -> None:
        self._sent += 1
        self._sender.send(_message(self._request, correlation_id=str(self._sent), reply_to="replies"))


def _message(body: Any, **properties: str) -> proton.Message:
    # Bytes become a data section, which is the cheapest body there is.
    return proton.Message(body=body, inferred=isinstance(body, bytes), **properties)


def _serve(port: Pipe, answer: Any) -> None:
    Container(_Server(port, answer)).run()


def rate(request: Any, answer: Any, requests: int) -> float:
    """Requests a second that are answered, of so many; the bodies are bytes or what AMQP has for Python values."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, answer), daemon=True)
    server.start()
    try:
        client = _Client(ours.recv(), request, answer, requests)
        Container(client).run()
        return requests / client.seconds
    finally:
        server.terminate()
        server.join()
