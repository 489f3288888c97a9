"""A console that is a recording: it sends an agent what was sent then, over a plain AMQP client.

Rules of this file: it knows of QMF what it takes to find the answer. What is named in a request and is another one today - the
token of a plan, the number of a change - is replaced by today's, as the answers have told it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import proton
from proton.utils import BlockingConnection

from qmfagent.bus.messages.wire import Envelope
from qmfagent.peers.link import agent_name
from qmfagent.qmf.codec import decode_map, encode_map
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message
from tests.bus.foreign import WAIT, subject
from tests.interop.recorded import ANSWERS, Exchange

KEY = "direct-console.00000000-0000-4000-8000-000000000010"
NAMED = ("token", "change", "digest")
"""What is named by values of its own each time."""


class Requester:
    """Sends recorded requests to the agent of a site. The client blocks, so it works in threads."""

    def __init__(self, site: str, url: str, today: dict[Any, Any]) -> None:
        """`today` gets what stands today for what was named in the recording."""
        self._site = site
        self._url = url
        self._today = today

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._connect)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._connection.close)

    async def ask(self, exchange: Exchange) -> list[Message]:
        """Send a request as it was sent then; all of the answer."""
        return await asyncio.to_thread(self._ask, exchange)

    def _connect(self) -> None:
        self._connection = BlockingConnection(self._url, timeout=WAIT)
        self._answers = self._connection.create_receiver(TOPIC, name="answers", options=subject(KEY))
        self._senders = {node: self._connection.create_sender(node, name=f"to {node}") for node in (TOPIC, DIRECT)}

    def _ask(self, exchange: Exchange) -> list[Message]:
        amqp = exchange.request.amqp
        node = amqp.address
        if not amqp.subject.startswith("console."):
            node, amqp.address, amqp.subject = DIRECT, DIRECT, agent_name(self._site)
        amqp.reply_to = f"{TOPIC}/{KEY}"
        if amqp.content_type == "amqp/map":
            amqp.body = self._renamed(bytes(amqp.body))
        self._senders[node].send(amqp)
        answers = [self._answer(amqp.correlation_id)]
        while answers[-1].partial:
            answers.append(self._answer(amqp.correlation_id))
        for then, now in zip(exchange.answers, answers, strict=False):
            self._learn(then.message.body, now.body)
        return answers

    def _answer(self, correlation_id: Any) -> Message:
        """The next message of an answer; what else comes for the same request, objects of a subscription, is passed over."""
        while True:
            amqp: proton.Message = self._answers.receive(timeout=WAIT)
            message = Envelope.of(amqp).message(Address(amqp.address, amqp.subject), "")
            if amqp.correlation_id == correlation_id and message.opcode in ANSWERS:
                return message

    def _renamed(self, body: bytes) -> bytes:
        """A body with today's names; byte for byte the recorded one where it has none that is another one."""
        then = decode_map(body)
        now = self._replace(then)
        return body if now == then else encode_map(now)

    def _replace(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: self._today.get((key, item), item) if key in NAMED else self._replace(item)
                for key, item in value.items()
            }
        if isinstance(value, str) and value.startswith("Plan:"):
            return f"Plan:{self._today.get(('token', value[5:]), value[5:])}"
        return value

    def _learn(self, then: Any, now: Any) -> None:
        if not isinstance(then, dict) or not isinstance(now, dict):
            return
        for key in then.keys() & now.keys():
            if key in NAMED and not isinstance(then[key], Mapping):
                self._today[key, then[key]] = now[key]
            self._learn(then[key], now[key])
