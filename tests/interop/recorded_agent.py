"""An agent that is a recording: it listens on AMQP, and answers what it is asked with what it answered then.

Rules of this file: what it sends is what was recorded, but for the address and the correlation id of an answer. It is in one
step of its life at a time, and answers as it did last in that step; what was not asked then, as in the steps before it, or else
after it. What nobody ever asked for it does not know, and says so as it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import proton

from qmfagent.bus.limits.admission import Admission
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.security.identity import Identity
from qmfagent.peers.link import agent_name
from qmfagent.qmf import opcodes
from qmfagent.qmf.codec import UInt32, decode_map, encode_map
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message
from qmfagent.qmf.opcodes import ErrorCode
from tests.interop.recorded import Exchange, Recording

_HEARTBEAT = opcodes.AGENT_HEARTBEAT_INDICATION


class RecordedAgent:
    """The agent of one site of a recording. `asked` are the methods that were called, with their arguments; `unknown` is what
    no recorded answer was found for."""

    def __init__(self, recording: Recording, site: str, version: str | None = None) -> None:
        """With `version` it tells that one of itself."""
        self.recording = recording
        self.site = site
        self.version = version
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.unknown: list[Any] = []
        self.url = ""
        self._step = recording.steps[0]
        self._epoch = 1
        self._exchanges = [each for each in recording.exchanges if each.request.site == site and each.answers]
        located = next(e for e in self._exchanges if e.request.message.opcode == opcodes.AGENT_LOCATE_REQUEST)
        direct = located.answers[0].message.body["_values"]["_direct_subject"]  # type: ignore[index,call-overload]
        self._listener = Listener(
            "amqp://127.0.0.1:0",
            addresses=[Address(TOPIC, "console.#"), Address(TOPIC, direct), Address(DIRECT, agent_name(site))],
            on_message=self._receive,
        )
        self._admission = Admission(Limits())

    async def __aenter__(self) -> Self:
        self.url = f"amqp://127.0.0.1:{await self._listener.start()}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._listener.stop()

    def restart(self, version: str) -> None:
        """Tell that it is of another version now, as after a restart."""
        self.version = version
        self._epoch += 1
        heartbeats = (each.amqp for step in self.recording.steps for each in self.recording.told(self.site, step))
        self._send(next(each for each in heartbeats if each.properties["qmf.opcode"] == _HEARTBEAT))

    def step(self, name: str) -> None:
        """Go on to a step of its life, and tell everybody what it told then."""
        self._step = name
        for each in self.recording.told(self.site, name):
            self._send(each.amqp)

    def _receive(self, message: Message, identity: Identity) -> None:
        if message.reply_to is None:
            return
        for each in self._find(message).answers:
            amqp = each.amqp
            amqp.address, amqp.subject = message.reply_to.node, message.reply_to.subject
            amqp.correlation_id = message.correlation_id
            self._send(amqp)

    def _send(self, amqp: proton.Message) -> None:
        if self.version is not None and amqp.properties["qmf.opcode"] in (
            opcodes.AGENT_LOCATE_RESPONSE,
            _HEARTBEAT,
        ):
            body = decode_map(bytes(amqp.body))
            body["_values"] |= {"version": self.version, "_epoch": UInt32(self._epoch)}
            amqp.body = encode_map(body)
        refused = self._listener.publish(None, amqp.encode(), Identity(), self._admission)
        assert refused is None

    def _find(self, message: Message) -> Exchange:
        if message.opcode == opcodes.METHOD_REQUEST:
            assert isinstance(message.body, dict)
            name, arguments = message.body["_method_name"], message.body.get("_arguments", {})
            self.asked.append((name, arguments))
            method = self.recording.schema[_class_name(message)].method(name)
            if method is None:
                return self._refusal(ErrorCode.UNKNOWN_METHOD)
            if arguments.keys() - {argument.name for argument in method.arguments}:
                return self._refusal(ErrorCode.INVALID_PARAMETER)
        for same in (_asks_the_same, _asks_for_more):
            found = [each for each in self._exchanges if same(each.request.message, message)]
            if found:
                return self._of_now(found)
        self.unknown.append(message.body)
        return self._refusal(ErrorCode.UNKNOWN_OBJECT)

    def _of_now(self, found: list[Exchange]) -> Exchange:
        """The last one of this step of its life; else of those before it, or of the next one after it."""
        steps = self.recording.steps
        now = steps.index(self._step) + 1
        order = [*steps[now:][::-1], *steps[:now]]
        return max(reversed(found), key=lambda each: order.index(each.request.step))

    def _refusal(self, code: ErrorCode) -> Exchange:
        """A recorded refusal of what is not known."""
        for each in self._exchanges:
            answer = each.answers[0].message
            if answer.opcode == opcodes.EXCEPTION and answer.body["_values"]["error_code"] == code:  # type: ignore[index,call-overload]
                return each
        raise KeyError(code)


def _class_name(message: Message) -> str:
    """The class of the object that a method is called of."""
    assert isinstance(message.body, dict)
    return str(message.body["_object_id"]["_object_name"]).partition(":")[0]


def _asks_the_same(recorded: Message, message: Message) -> bool:
    return recorded.opcode == message.opcode and (recorded.body or []) == (message.body or [])


def _asks_for_more(recorded: Message, message: Message) -> bool:
    """Whether a call was recorded without some of the arguments, which had their defaults then."""
    then, now = recorded.body, message.body
    if not isinstance(then, dict) or not isinstance(now, dict) or "_method_name" not in then:
        return False
    named = ("_method_name", "_object_id")
    arguments = now.get("_arguments", {})
    return all(then[key] == now.get(key) for key in named) and then["_arguments"].items() <= arguments.items()
