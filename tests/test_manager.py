"""Management requests on their way: one response each, whatever becomes of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from qmfagent.agent import load_schema
from qmfagent.bus.messages.management import encode_response
from qmfagent.calls.calls import Calls
from qmfagent.calls.manager import Manager
from qmfagent.calls.targets import Targets
from qmfagent.errors import Refused, UnknownObject, WriteRejected
from qmfagent.management.message import Request, Response
from qmfagent.policy.access import Access, Rule
from qmfagent.policy.roles import Role
from qmfagent.policy.secrets import Secrets
from qmfagent.qmf.agent import Agent, MethodCall
from tests.management.conftest import Objects

WRITER = "CN=admin"
BOTH = {"granted": False, "standby": True}


class Office:
    """A manager whose calls are carried out by `run`."""

    def __init__(self, run: Callable[[MethodCall], Awaitable[Mapping[str, Any]]]) -> None:
        schema = load_schema()
        self.objects = objects = Objects(schema)
        agent = Agent("v", "p", "i", schema=schema, source=objects)
        access = Access((Rule((WRITER,), Role.ADMINISTRATOR),))
        calls = Calls(agent, access, Targets("paris", {}.get), Secrets(), run, lambda message: None)
        self.responses: list[Response] = []
        self.manager = Manager(schema, lambda user: objects, list, calls, self.responses.append)

    async def ask(self, operation: str, body: Any = None, user: str = WRITER, **properties: Any) -> Response:
        """The response to a request, which has to come by itself."""
        count = len(self.responses)
        self.begin(operation, body, user, **properties)
        await asyncio.gather(*self.manager._tasks)
        assert len(self.responses) == count + 1
        return self.responses[-1]

    def begin(self, operation: str, body: Any = None, user: str = WRITER, **properties: Any) -> None:
        request = Request({"operation": operation, **properties}, body, "reply", "1", user, authenticated=True)
        self.manager.take(request)


async def done(call: MethodCall) -> Mapping[str, Any]:
    return {}


async def test_a_read_is_answered_at_once() -> None:
    office = Office(done)
    office.begin("READ", identity="Ticket:db")
    assert office.responses[0].status == 200


async def test_calls_are_made_one_after_the_other() -> None:
    asked: list[str] = []

    async def run(call: MethodCall) -> Mapping[str, Any]:
        await asyncio.sleep(0)
        asked.append(call.method)
        return {}

    response = await Office(run).ask("UPDATE", BOTH, identity="Ticket:db")
    assert (response.status, asked) == (200, ["revoke", "standby"])


async def test_the_first_failure_ends_it_and_tells_what_was_done() -> None:
    async def run(call: MethodCall) -> Mapping[str, Any]:
        if call.method == "standby":
            raise WriteRejected("the cluster said no")
        return {}

    response = await Office(run).ask("UPDATE", BOTH, identity="Ticket:db")
    assert (response.status, response.body) == (500, {"reason": "rejected"})
    assert response.description == "Internal Server Error: revoke was done, but then: the cluster said no"


async def test_who_may_not_write_is_refused() -> None:
    response = await Office(done).ask("GRANT", user="CN=eve", identity="Ticket:db")
    assert (response.status, response.body) == (403, {"reason": "forbidden"})


async def test_a_plan_with_errors_is_refused_by_the_name_of_the_first() -> None:
    problems = [
        {"code": "note", "severity": "note", "message": "n"},
        {"code": "clash", "severity": "error", "message": "vip is there already"},
        {"code": "in-use", "severity": "error", "message": "web is in use"},
    ]

    async def run(call: MethodCall) -> Mapping[str, Any]:
        return {"token": "", "plan": {"ticket": "db", "problems": problems}}

    response = await Office(run).ask("CREATE", {"ticket": "db"}, type="org.clusterlabs.qmfagent.Plan")
    assert (response.status, response.body) == (409, {"reason": "clash"})
    assert response.description == "Conflict: vip is there already; web is in use"


async def test_a_plan_that_is_gone_before_it_is_shown_was_not_created() -> None:
    async def run(call: MethodCall) -> Mapping[str, Any]:
        return {"token": "t1", "plan": {"ticket": "db", "problems": []}}

    response = await Office(run).ask("CREATE", {"ticket": "db"}, type="org.clusterlabs.qmfagent.Plan")
    assert response.status == 404


async def test_a_fault_is_answered_and_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def run(call: MethodCall) -> Mapping[str, Any]:
        return {}

    office = Office(run)
    response = await office.ask("CREATE", {"ticket": "db"}, type="org.clusterlabs.qmfagent.Plan")
    assert (response.status, response.body) == (500, {"reason": "internal"})
    assert [record for record in caplog.records if record.exc_info]


async def test_what_is_under_way_at_the_end_is_answered() -> None:
    async def forever(call: MethodCall) -> Mapping[str, Any]:
        await asyncio.Event().wait()
        return {}

    office = Office(forever)
    office.begin("GRANT", identity="Ticket:web")
    await asyncio.sleep(0)
    await office.manager.stop()
    assert [response.body for response in office.responses] == [{"reason": "interrupted"}]


async def test_a_request_that_is_not_looked_at_is_answered() -> None:
    office = Office(done)
    request = Request({"operation": "GET-TYPES"}, None, "reply", "1", WRITER)
    office.manager.refuse(request, Refused("rate-limit", "too many"))
    assert (office.responses[0].status, office.responses[0].body) == (400, {"reason": "rate-limit"})


async def test_an_answer_that_fits_into_no_message_is_replaced_by_one_that_says_so() -> None:
    def respond(response: Response) -> None:
        encode_response(response)
        office.responses.append(response)

    office = Office(done)
    office.manager._respond = respond
    for number in range(70_000):
        office.objects.add(f"Node:n{number}", name=f"n{number}")
    office.begin("QUERY", {"attributeNames": ["name"]}, name="self")
    office.begin("QUERY", {"attributeNames": ["name"]}, name="self", count=500)
    assert [response.status for response in office.responses] == [500, 200]
    assert "page by page with offset and count" in office.responses[0].description


async def test_who_is_not_there_any_more_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "qmfagent.calls.manager")

    def gone(response: Response) -> None:
        raise UnknownObject("there is no node 'reply' here")

    office = Office(done)
    office.manager._respond = gone
    office.begin("READ", identity="Ticket:db")
    assert "a management response to 'reply' could not be sent" in caplog.text
