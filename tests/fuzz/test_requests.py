"""Whatever request a peer sends, it ends in an answer, a rejected message or a closed link, and the agent works as before."""

from __future__ import annotations

import proton
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmfagent.bus.messages import wire
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message
from tests.fuzz.checks import check_answers, check_outcome, good_request, message
from tests.fuzz.messages import Spec, specs
from tests.fuzz.originals import SCHEMA_REQUEST
from tests.fuzz.raw_client import Outcome, RawClient
from tests.fuzz.target import NAME, Target


async def attempt(target: Target, spec: Spec) -> None:
    """Send one message to the agent on a connection of its own, and see what becomes of it."""
    async with await RawClient.connect(target.port) as client:
        reply, to = client.receiver(None), client.sender(spec.target)
        assert await client.attached(reply)
        outcome = await client.send(to, spec.encode(reply.remote_source.address))
        check_outcome(outcome)
        answers = client.received[reply.name]

        def ended() -> list[bytes]:
            return [data for data in answers if not message(data).partial]

        if outcome.state == "accepted" and spec.due:
            await client.until(ended)
            assert ended()
        if outcome.state != "closed":
            await good_request(client)
        assert len(ended()) <= 1
        check_answers(answers)
    await target.healthy()


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spec=specs())
def test_requests(target: Target, spec: Spec) -> None:
    target.run(attempt(target, spec))


@pytest.mark.parametrize("reply_to", [f"{DIRECT}/{NAME}", f"{DIRECT}/broker", f"{TOPIC}/console.x", "{route}"])
def test_an_answer_to_the_agent_itself_goes_no_further(target: Target, reply_to: str) -> None:
    async def ask() -> None:
        (agent,) = await target.site.session.agents()  # type: ignore[union-attr]
        async with await RawClient.connect(target.port) as client:
            seen, to = client.receiver(TOPIC, pattern="#"), client.sender(DIRECT)
            direct = client.receiver(DIRECT, pattern="broker")
            assert await client.attached(seen)
            assert not await client.attached(direct)  # the agent's own
            own = reply_to.replace("{route}", f"{TOPIC}/{agent.attributes['_direct_subject']}")
            query = Message(Address(DIRECT, NAME), "_query_request", "request", {}, reply_to=Address.parse(own))
            assert await client.send(to, wire.encode(query)) == Outcome("accepted")
            for _ in range(3):
                await good_request(client)
            others = [message(data) for data in client.received[seen.name]]
            assert sum(item.opcode == "_exception" for item in others) == ("console.x" in own)

    target.run(ask())
    target.run(target.at_rest())


V1 = [SCHEMA_REQUEST, b"AM2S", b"AM2Q" + bytes(20), b"AM2"]


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.sampled_from(V1), cut=st.integers(0, 60), rest=st.binary(max_size=20))
def test_version_1(target: Target, start: bytes, cut: int, rest: bytes) -> None:
    async def ask() -> None:
        async with await RawClient.connect(target.port) as client:
            reply, to = client.receiver(None), client.sender(DIRECT)
            assert await client.attached(reply)
            request = proton.Message(inferred=True, subject="broker", body=start[:cut] + rest)
            request.reply_to = reply.remote_source.address
            check_outcome(await client.send(to, request.encode()))
            await good_request(client)
            assert len(client.received[reply.name]) <= 1
        await target.healthy()

    target.run(ask())
