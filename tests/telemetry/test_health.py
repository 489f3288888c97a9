"""Liveness and readiness, and who may ask."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from prometheus_client import CollectorRegistry

from qmfagent.policy.access import Access, Rule
from qmfagent.policy.roles import Role
from qmfagent.telemetry.facts import Facts
from qmfagent.telemetry.pages import Pages
from qmfagent.telemetry.server import Request
from tests.sites.pair import SitePair
from tests.telemetry.scraping import get

VIEWER = Rule(("CN=prometheus",), Role.VIEWER)


def pages(*rules: Rule, problem: str = "") -> Pages:
    """The pages of an agent with these rules."""

    def read() -> Facts:
        raise AssertionError("nobody may look here")

    return Pages(Access(rules), read, lambda: problem, CollectorRegistry())


async def test_a_running_agent(watched_pair: SitePair) -> None:
    for path in ("/livez", "/readyz"):
        answer = await get(watched_pair.a, path)
        assert (answer.status_code, answer.text) == (HTTPStatus.OK, "ok\n")


async def test_an_agent_that_lost_its_cib_lives_and_is_not_ready(watched_pair: SitePair) -> None:
    assert watched_pair.a.agent is not None
    watched_pair.a.agent.inventory.lost()
    ready, alive = await get(watched_pair.a, "/readyz"), await get(watched_pair.a, "/livez")
    assert (ready.status_code, ready.text) == (HTTPStatus.SERVICE_UNAVAILABLE, "the CIB can't be read now\n")
    assert alive.status_code == HTTPStatus.OK


async def test_what_is_not_there() -> None:
    answer = await pages().answer(Request("/"))
    assert answer.status is HTTPStatus.NOT_FOUND
    assert b"/metrics" in answer.body


async def test_the_problem_is_told_in_words() -> None:
    answer = await pages(problem="the broker is gone").answer(Request("/readyz"))
    assert (answer.status, answer.body) == (HTTPStatus.SERVICE_UNAVAILABLE, b"the broker is gone\n")


async def test_a_viewer_may_look() -> None:
    assert (await pages(VIEWER).answer(Request("/livez", user="CN=prometheus"))).status is HTTPStatus.OK


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (Rule(("CN=other",), Role.ADMINISTRATOR),),
        (Rule(("CN=prometheus",), Role.VIEWER, tickets=("db",)),),
        (VIEWER, Rule(("*",), None)),
        (VIEWER, Rule(("CN=prometheus",), None, tickets=("secret",))),
    ],
    ids=["nobody", "another", "of some tickets", "denied", "denied in part"],
)
@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/"])
async def test_who_may_not_read_everything_sees_nothing(rules: tuple[Rule, ...], path: str) -> None:
    answer = await pages(*rules).answer(Request(path, user="CN=prometheus"))
    assert answer.status is HTTPStatus.FORBIDDEN
    assert b'[[access]] / identity = "CN=prometheus" / role = "viewer"' in answer.body
