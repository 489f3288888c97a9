"""Requests and answers a second of listener and client alone, against a bare proton Container that does the same.

Rules of this file: each message carries a map of about 1 KiB that is decoded and encoded at both ends. The two run in turns.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from multiprocessing.connection import Connection as Pipe
from typing import Any

from qmfagent.bus.client.connection import Connection
from qmfagent.bus.listener.listener import Listener
from qmfagent.qmf.message import DIRECT, RESPONSE, TOPIC, Address, Message
from tests.bench import bare_echo
from tests.bench.bare_echo import OUTSTANDING
from tests.bench.result import Result

REQUESTS = 3200
ROUNDS = 3
BODY = {f"property_{index:02d}": "value " * 4 for index in range(24)}
ME = Address(TOPIC, "direct-console.bench")


def run() -> list[Result]:
    """There is no target: theirs does nothing but echo."""
    rates = [(_rate(), bare_echo.rate(BODY, BODY, REQUESTS)) for _ in range(ROUNDS)]
    ours, theirs = (max(side) for side in zip(*rates, strict=True))
    return [Result("requests a second of listener and client / bare echo of the same map", ours, theirs, "1/s")]


def _rate() -> float:
    """Answered requests a second."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve_listener, args=(theirs,), daemon=True)
    server.start()
    try:
        return measure_listener(ours.recv(), REQUESTS)
    finally:
        server.terminate()
        server.join()


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
