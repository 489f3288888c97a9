"""Whatever management request a peer sends, it ends in one response with a status or a rejected message."""

from __future__ import annotations

import proton
from hypothesis import HealthCheck, given, settings

from qmfagent.management.message import NODE, Status
from tests.fuzz.checks import LARGEST_REFUSAL, check_outcome, good_request
from tests.fuzz.management import Asked, asked
from tests.fuzz.raw_client import RawClient
from tests.fuzz.target import Target

FAULT = "fault of the agent"


def check_response(data: bytes) -> None:
    """The status is known, and not that of a fault of the agent's own; a refusal is short."""
    response = proton.Message()
    response.decode(data)
    status = response.properties["statusCode"]
    assert status in set(Status) - {Status.INTERNAL_ERROR}
    assert FAULT not in response.properties["statusDescription"]
    if status >= Status.BAD_REQUEST:
        assert len(data) < LARGEST_REFUSAL + len(str(response.correlation_id))


async def attempt(target: Target, request: Asked) -> None:
    """Send one request on a connection of its own, and see what becomes of it."""
    async with await RawClient.connect(target.port) as client:
        reply, to = client.receiver(None), client.sender(NODE)
        assert await client.attached(reply)
        outcome = await client.send(to, request.encode(reply.remote_source.address))
        check_outcome(outcome)
        responses = client.received[reply.name]
        if outcome.state == "accepted" and request.reply_to is None:
            await client.until(lambda: responses)
            check_response(responses[0])
        if outcome.state != "closed":
            await good_request(client)
        assert len(responses) <= 1
    await target.healthy()


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=asked())
def test_requests(target: Target, request: Asked) -> None:
    target.run(attempt(target, request))
