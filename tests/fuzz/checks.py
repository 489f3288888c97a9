"""What every request has to end in, and a request that has to be answered whatever was asked before."""

from __future__ import annotations

from qmfagent.bus.messages import wire
from qmfagent.qmf.message import DIRECT, Address, Message
from tests.fuzz.raw_client import Outcome, RawClient
from tests.fuzz.target import NAME

LARGEST_REFUSAL = 8192


def message(data: bytes) -> Message:
    """A message that a peer received."""
    return wire.Envelope.open(data).message(Address("reply"), "")


def check_outcome(outcome: Outcome) -> None:
    """A message is taken, or refused by name; it is never a fault of the agent's own."""
    assert outcome.state in ("accepted", "rejected", "closed")
    assert outcome.state == "accepted" or outcome.condition.startswith("amqp:")
    assert outcome.condition != "amqp:internal-error"


def check_answers(answers: list[bytes]) -> None:
    """Answers are of known kinds; a refusal is typed, short, and no fault of the agent's own."""
    for data in answers:
        answer = message(data)
        assert answer.opcode in (
            "_query_response",
            "_method_response",
            "_agent_locate_response",
            "_exception",
            "_subscribe_response",
        )
        if answer.opcode == "_exception":
            assert isinstance(answer.body, dict)
            values = answer.body["_values"]
            assert 1 <= values["error_code"] <= 7
            assert "fault of the agent" not in values["error_text"]
            assert len(data) < LARGEST_REFUSAL + 70_000 * (answer.correlation_id is not None)


async def good_request(client: RawClient) -> None:
    """Ask what any console asks, and be answered."""
    reply, to = client.receiver(None), client.sender(DIRECT)
    assert await client.attached(reply)
    assert await client.attached(to)
    request = Message(
        Address(DIRECT, NAME),
        "_query_request",
        "request",
        {"_what": "SCHEMA_ID"},
        reply_to=Address(reply.remote_source.address),
    )
    assert await client.send(to, wire.encode(request)) == Outcome("accepted")
    await client.until(lambda: client.received[reply.name])
    assert message(client.received[reply.name][0]).opcode == "_query_response"
    reply.close()
    to.close()
