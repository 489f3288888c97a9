"""Method calls on their way: one answer and one line of audit each, whatever becomes of them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import pytest

from qmfagent.agent import load_schema
from qmfagent.calls.calls import MAX_CALLS, Calls
from qmfagent.calls.targets import Targets
from qmfagent.errors import Refused, SiteFileError, WriteRejected
from qmfagent.policy.access import Access, Rule
from qmfagent.policy.roles import Role
from qmfagent.policy.secrets import Secrets
from qmfagent.qmf.agent import Agent, MethodCall
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.message import DIRECT, Address, Message
from qmfagent.trace import current_trace, outgoing_traceparent, trace_of

WRITER = "CN=admin"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class NoObjects:
    def objects(self, class_name: str) -> Iterable[Data]:
        return ()

    def find(self, object_name: str) -> Data | None:
        return None


class Desk:
    """Calls that are carried out by `run`, and their answers."""

    def __init__(
        self, run: Callable[[MethodCall], Awaitable[Mapping[str, Any]]], plans: Mapping[str, str] = {"abc": "T"}
    ) -> None:
        agent = Agent("v", "p", "i", schema=load_schema(), source=NoObjects())
        self.answers: list[Message] = []
        access = Access((Rule((WRITER,), Role.ADMINISTRATOR), Rule(("anonymous",), Role.VIEWER)))
        targets = Targets("a", plans.get)
        self.calls = Calls(agent, access, targets, Secrets(), run, self.answers.append)

    async def finish(self) -> None:
        await asyncio.gather(*self.calls._tasks)

    def reasons(self) -> list[str]:
        """The reason of each answer; empty for one that was good."""
        return [answer.body.get("_values", {}).get("reason", "") for answer in self.answers]  # type: ignore[union-attr]


def call(method: str = "grant", name: str = "Ticket:T", who: str = WRITER, **arguments: Any) -> MethodCall:
    class_name = name.partition(":")[0]
    return MethodCall(ObjectId(name), class_name, method, arguments, who, Address(DIRECT, "console"), "1", TRACEPARENT)


@pytest.fixture
def audit(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """The lines of the audit so far."""
    caplog.set_level(logging.INFO, "qmfagent.audit")
    return lambda: [json.loads(record.getMessage()) for record in caplog.records if record.name == "qmfagent.audit"]


async def done(call: MethodCall) -> Mapping[str, Any]:
    return {"ticket": "T", "changes": 1, "version": "0.6.0", "change": 7} if call.method == "apply" else {}


Audit = Callable[[], list[dict[str, Any]]]


async def test_a_write_is_answered_and_audited(audit: Audit) -> None:
    desk = Desk(done)
    desk.calls.take(call("apply", "Site:a", token="abc"))
    await desk.finish()
    assert desk.answers[0].body == {"_arguments": {"ticket": "T", "changes": 1, "version": "0.6.0", "change": 7}}
    assert (desk.answers[0].to, desk.answers[0].correlation_id) == (Address(DIRECT, "console"), "1")
    assert audit() == [
        {
            "who": WRITER,
            "what": "Site.apply",
            "on": "Site:a",
            "ticket": "T",
            "site": "a",
            "arguments": {"token": "abc"},
            "result": "done",
            "trace": TRACE,
        }
    ]


async def test_the_audit_names_the_ticket_of_a_plan_that_is_gone_by_then(audit: Audit) -> None:
    plans = {"abc": "T"}

    async def apply(call: MethodCall) -> Mapping[str, Any]:
        del plans["abc"]
        return await done(call)

    desk = Desk(apply, plans)
    desk.calls.take(call("apply", "Plan:abc"))
    await desk.finish()
    assert [line["ticket"] for line in audit()] == ["T"]


async def test_who_may_not_write_is_refused_before_anything_is_done(audit: Audit) -> None:
    async def never(call: MethodCall) -> Mapping[str, Any]:
        raise AssertionError("it was carried out")

    desk = Desk(never)
    desk.calls.take(call(who="CN=eve\n{}"))
    assert desk.reasons() == ["forbidden"]
    assert desk.answers[0].body["_values"]["error_code"] == 6  # type: ignore[index, call-overload]
    (line,) = audit()
    assert (line["who"], line["result"]) == ("CN=eve\n{}", "forbidden")


async def test_reading_is_not_audited(audit: Audit) -> None:
    async def read(call: MethodCall) -> Mapping[str, Any]:
        return {"xml": "", "version": "0.5.0"}

    desk = Desk(read)
    desk.calls.take(call("query", "Site:a", who="anonymous", path=""))
    await desk.finish()
    assert desk.reasons() == [""]
    assert audit() == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Refused("split", "x"), "split"),
        (WriteRejected("x"), "rejected"),
        (SiteFileError("x"), "invalid"),
        (ZeroDivisionError(), "internal"),
    ],
)
async def test_a_failure_is_answered_and_audited_by_its_name(audit: Audit, error: Exception, reason: str) -> None:
    async def fail(call: MethodCall) -> Mapping[str, Any]:
        raise error

    desk = Desk(fail)
    desk.calls.take(call())
    await desk.finish()
    assert desk.reasons() == [reason]
    assert [line["result"] for line in audit()] == [reason]


async def test_a_write_whose_results_are_wrong_was_done_all_the_same(audit: Audit) -> None:
    async def wrong(call: MethodCall) -> Mapping[str, Any]:
        return {"surprise": 1}

    desk = Desk(wrong)
    desk.calls.take(call())
    await desk.finish()
    assert desk.reasons() == ["internal"]
    assert "it was carried out" in desk.answers[0].body["_values"]["error_text"]  # type: ignore[index, call-overload]
    assert [line["result"] for line in audit()] == ["done"]


async def test_one_call_too_many_is_busy(audit: Audit) -> None:
    gate = asyncio.Event()

    async def wait(call: MethodCall) -> Mapping[str, Any]:
        await gate.wait()
        return {}

    desk = Desk(wait)
    for _ in range(MAX_CALLS + 2):
        desk.calls.take(call())
    assert desk.reasons() == ["busy", "busy"]
    gate.set()
    await desk.finish()
    assert desk.reasons() == ["busy"] * 2 + [""] * MAX_CALLS
    assert len(audit()) == MAX_CALLS + 2
    desk.calls.take(call())
    await desk.finish()
    assert desk.reasons()[-1] == ""


async def test_what_is_under_way_at_the_end_is_answered_and_audited(audit: Audit) -> None:
    async def forever(call: MethodCall) -> Mapping[str, Any]:
        await asyncio.Event().wait()
        return {}

    desk = Desk(forever)
    desk.calls.take(call())
    await asyncio.sleep(0)
    await desk.calls.stop()
    assert desk.reasons() == ["interrupted"]
    assert [line["result"] for line in audit()] == ["interrupted"]


async def test_another_protocol_gets_results_and_errors_with_the_same_checks(audit: Audit) -> None:
    async def run(call: MethodCall) -> Mapping[str, Any]:
        if call.method == "revoke":
            raise ZeroDivisionError
        return {"done": True}

    desk = Desk(run)
    assert await desk.calls.perform(call()) == {"done": True}
    for method, who, reason in (("grant", "anonymous", "forbidden"), ("revoke", WRITER, "internal")):
        with pytest.raises(Refused) as refused:
            await desk.calls.perform(call(method, who=who))
        assert refused.value.reason == reason
    assert [line["result"] for line in audit()] == ["done", "forbidden", "internal"]
    assert desk.answers == []


async def test_reading_that_is_forbidden_is_audited_too(audit: Audit) -> None:
    desk = Desk(done)
    desk.calls.take(call("publication", "Site:a", who="anonymous", ticket="T"))
    assert desk.reasons() == ["forbidden"]
    assert [(line["what"], line["ticket"], line["result"]) for line in audit()] == [
        ("Site.publication", "T", "forbidden")
    ]


async def test_the_audit_holds_no_secret(audit: Audit) -> None:
    desk = Desk(done)
    desk.calls.take(call("apply", "Site:a", token="abc", password="s3cret", options="user=x,passwd=s3cret"))
    await desk.finish()
    assert audit()[0]["arguments"] == {"token": "abc", "password": "******", "options": "******"}


async def test_what_is_done_belongs_to_the_trace_of_the_call() -> None:
    seen = []

    async def run(call: MethodCall) -> Mapping[str, Any]:
        seen.append((current_trace(), outgoing_traceparent()))
        return {}

    desk = Desk(run)
    desk.calls.take(call())
    await desk.finish()
    ((trace, outgoing),) = seen
    assert trace == trace_of(outgoing) == TRACE
    assert outgoing == TRACEPARENT
