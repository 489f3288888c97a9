"""What fuzzing has found, each in the fewest words that say it."""

from __future__ import annotations

from typing import Any

import proton
import pytest

from qmfagent.management.message import NODE
from qmfagent.qmf.message import DIRECT, TOPIC
from tests.fuzz.checks import good_request
from tests.fuzz.raw_client import Outcome, RawClient
from tests.fuzz.recording import OPENING, Recording, join, record
from tests.fuzz.target import NAME, Tables, Target
from tests.fuzz.test_frames import say

LONG = "n" * 1_000_000
SHORT = 500


@pytest.fixture(scope="module")
def session(target: Target) -> Recording:
    """What is said by a real console."""
    return target.run(record(target.port))


def test_opening_twice_is_an_illegal_state(target: Target, session: Recording) -> None:
    opening = session.frames[:OPENING]
    twice = [*opening[:-1], opening[-2], opening[-1]]
    assert b"amqp:illegal-state" in target.run(say(target.port, join(twice)))
    target.run(target.at_rest())


@pytest.mark.parametrize("old", [b"direct-console.", b"\xa1\x11qmf.default.topic"], ids=["filter", "address"])
def test_text_that_is_no_utf_8_is_told_so(target: Target, session: Recording, old: bytes) -> None:
    frames = [frame.replace(old, old[:-1] + b"\xff", 1) for frame in session.frames]
    assert b"amqp:decode-error" in target.run(say(target.port, join(frames[:OPENING]), join(frames[OPENING:-1])))
    target.run(target.at_rest())


def test_a_filter_that_is_refused_leaves_no_node(target: Target) -> None:
    async def attach() -> None:
        async with await RawClient.connect(target.port) as client:
            for _ in range(5):
                client.receiver(None, pattern="x" * 300)
            await client.until(lambda: len(client.ends) == 5)
            assert Tables.of(target.listener).nodes == target.quiet.nodes
        await target.at_rest()

    target.run(attach())


async def sent(target: Target, to: str | None, **fields: Any) -> tuple[Outcome, list[bytes]]:
    """Send one message, and ask afterwards on the same connection; what became of it, and what was received."""
    async with await RawClient.connect(target.port) as client:
        seen = client.receiver(TOPIC, pattern="#")
        assert await client.attached(seen)
        outcome = await client.send(client.sender(to), proton.Message(**fields).encode())
        await good_request(client)
        return outcome, client.received[seen.name]


UNWRITABLE = b"\x00\x53\x77\xe0\x05\x04\x61\x00\x01\x00"
NAMED_BY_SYMBOL = b"\x00\x53\x74\xc1\x05\x02\xa3\x01m\x45"


@pytest.mark.parametrize("section", [UNWRITABLE, NAMED_BY_SYMBOL], ids=["array", "symbol"])
@pytest.mark.parametrize("node", [DIRECT, TOPIC, "amq.direct", NODE])
def test_what_proton_cannot_write_again_is_not_asked_of_it(target: Target, node: str, section: bytes) -> None:
    start = proton.Message(user_id=b"somebody", subject=NAME, reply_to="amq.direct/x").encode()

    async def ask() -> None:
        async with await RawClient.connect(target.port) as client:
            assert (await client.send(client.sender(node), start + section)).state in ("accepted", "rejected")
            await good_request(client)
        await target.healthy()

    target.run(ask())


ARRAY = b"\xe0\x05\x04\x61\x00\x01\x00"
"""One that says that it has four elements, and has one and a half."""


def test_capabilities_that_proton_cannot_write_again_are_not_asked_of_it(target: Target, session: Recording) -> None:
    source = b"\xa1\x11qmf.default.topic" + b"\x40" * 9 + ARRAY
    described = b"\x00\x53\x28\xd0" + (len(source) + 4).to_bytes(4, "big") + (11).to_bytes(4, "big") + source
    fields = b"\xa1\x01n\x43\x41\x40\x40" + described
    attach = b"\x00\x53\x12\xd0" + (len(fields) + 4).to_bytes(4, "big") + (6).to_bytes(4, "big") + fields
    frame = (len(attach) + 8).to_bytes(4, "big") + b"\x02\x00\x00\x00" + attach
    target.run(say(target.port, join(session.frames[:OPENING]), frame))
    target.run(target.at_rest())


@pytest.mark.parametrize(
    "fields",
    [
        {"address": LONG},
        {
            "address": DIRECT,
            "subject": NAME,
            "reply_to": "amq.direct/x",
            "content_type": LONG,
            "body": b"x",
            "inferred": True,
        },
        {
            "address": DIRECT,
            "subject": NAME,
            "properties": {"qmf.opcode": "_query_request"},
            "reply_to": LONG,
            "body": {},
        },
        {
            "address": DIRECT,
            "subject": NAME,
            "properties": {"qmf.opcode": LONG, "method": "request"},
            "reply_to": f"{TOPIC}/x",
        },
    ],
    ids=["address", "content-type", "reply-to", "opcode"],
)
def test_what_is_said_of_long_names_is_short(target: Target, fields: dict[str, Any]) -> None:
    outcome, received = target.run(sent(target, None, **fields))
    target.run(target.healthy())
    assert len(outcome.description) < SHORT
    assert all(len(data) < SHORT + SHORT for data in received)
