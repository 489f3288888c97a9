"""A real agent on a CIB file, managed by a client that knows no QMF."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import proton
import pytest
from proton.utils import BlockingConnection, LinkDetached

from qmfagent.bus.limits.limits import Limits
from qmfagent.policy.access import Access, Rule
from qmfagent.policy.roles import Role
from tests.management.client import NODE, TIMEOUT, Session, ask, with_session
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import SiteGroup, SitePair

PACKAGE = "org.clusterlabs.qmfagent"
MANAGEMENT = {"type": "org.amqp.management", "name": "self"}
TICKET = f"{PACKAGE}.Ticket"
PLAN = f"{PACKAGE}.Plan"
MANY = 1_203


def status(response: proton.Message) -> int:
    return int(response.properties["statusCode"])


def text(response: proton.Message) -> str:
    return str(response.properties["statusDescription"])


def many_resources() -> bytes:
    primitives = "".join(f'<primitive id="r{n}" class="ocf" provider="pacemaker" type="Dummy"/>' for n in range(MANY))
    return SOURCE.replace(b"</resources>", primitives.encode() + b"</resources>")


@pytest.fixture
async def group(tmp_path: Path) -> AsyncIterator[SiteGroup]:
    """One site; a test may change its configuration before it starts it."""
    sites = SiteGroup(tmp_path, {"sitea": SOURCE})
    yield sites
    await sites.stop()


@pytest.fixture
async def url(group: SiteGroup) -> str:
    await group.start()
    return group["sitea"].config.listen.url


async def test_a_connection_without_sasl_layer_is_served(url: str) -> None:
    response = await ask(url, "GET-TYPES", **MANAGEMENT)
    assert (status(response), text(response)) == (200, "OK")
    assert TICKET in response.body


async def test_a_connection_with_sasl_anonymous_is_served(url: str) -> None:
    def work(session: Session) -> proton.Message:
        return session.ask("GET-TYPES", **MANAGEMENT)

    assert status(await with_session(url, work, sasl_enabled=True, allowed_mechs="ANONYMOUS")) == 200


async def test_the_anonymous_relay_leads_to_the_node_too(url: str) -> None:
    response = await with_session(
        url, lambda session: session.ask("READ", identity="Site:sitea", to=NODE), address=None
    )
    assert response.body["name"] == "sitea"


async def test_entities_are_the_objects_that_qmf_shows(url: str, group: SiteGroup) -> None:
    response = await ask(url, "READ", type=TICKET, name="T")
    values = await group["sitea"].object("Ticket:T")
    assert response.body == {**values, "identity": "Ticket:T", "name": "T", "type": TICKET}


async def test_the_management_nodes_are_this_and_the_peers(tmp_path: Path) -> None:
    async with SitePair(tmp_path, SOURCE, TARGET, mode="manual") as pair:
        a, b = (site.config.listen.url for site in (pair.a, pair.b))
        assert (await ask(a, "GET-MGMT-NODES", **MANAGEMENT)).body == [f"{a}/{NODE}", f"{b}/{NODE}"]


async def test_a_ticket_is_changed_by_its_operations_and_by_update(url: str, group: SiteGroup) -> None:
    site = group["sitea"]
    assert status(await ask(url, "STANDBY", type=TICKET, name="T")) == 200
    await site.event("ticket_changed", standby=True)
    response = await ask(url, "UPDATE", {"standby": "false", "granted": False}, identity="Ticket:T")
    assert (status(response), response.body["standby"], response.body["granted"]) == (200, False, False)
    await site.event("ticket_changed", granted=False)
    assert not site.snapshot.tickets["T"].granted
    assert not site.snapshot.tickets["T"].standby


async def test_pages_of_more_than_five_hundred_make_up_the_whole(group: SiteGroup) -> None:
    site = group["sitea"]
    assert site.config.cib_file is not None
    site.config.cib_file.write_bytes(many_resources())
    await group.start()

    def pages(session: Session) -> list[list[str]]:
        rows: list[list[str]] = []
        while True:
            body = {"attributeNames": ["identity", "kind"]}
            properties: dict[str, Any] = {"entityType": f"{PACKAGE}.Resource", "offset": len(rows), "count": 500}
            response = session.ask("QUERY", body, **MANAGEMENT, **properties)
            assert response.body["attributeNames"] == body["attributeNames"]
            rows += response.body["results"]
            if len(response.body["results"]) < 500:
                return rows

    rows = await with_session(site.config.listen.url, pages)
    assert len(rows) == len({identity for identity, _ in rows}) == MANY + 3
    assert {kind for _, kind in rows} == {"primitive"}
    whole = await ask(site.config.listen.url, "QUERY", {"attributeNames": ["identity", "kind"]}, **MANAGEMENT)
    assert [row for row in whole.body["results"] if row[0].startswith("Resource:")] == rows


async def test_a_plan_is_made_looked_at_carried_out_or_thrown_away(tmp_path: Path) -> None:
    async with SitePair(tmp_path, SOURCE, TARGET, mode="manual") as pair:
        url = pair.b.config.listen.url

        def work(session: Session) -> list[proton.Message]:
            created = session.ask("CREATE", {"ticket": "T"}, type=PLAN)
            named = {"type": PLAN, "name": created.body["name"]}
            return [
                created,
                session.ask("READ", **named),
                session.ask("DELETE", **named),
                session.ask("APPLY", **named),
                session.ask("CREATE", {"ticket": "T"}, type=PLAN),
                session.ask("APPLY", **named),
                session.ask("CREATE", {"ticket": "T"}, type=PLAN),
                session.ask("CREATE", {"ticket": "unknown"}, type=PLAN),
            ]

        responses = await with_session(url, work)
        created, read, deleted, gone, again, applied, nothing, unknown = responses
        assert [status(response) for response in responses] == [201, 200, 204, 404, 201, 200, 409, 409]
        assert read.body == created.body == again.body
        assert (read.body["ticket"], read.body["publisher"], read.body["changes"]) == (
            "T",
            "sitea",
            applied.body["changes"],
        )
        assert deleted.body == {}
        assert "there is no Plan" in text(gone)
        assert "nothing to do for ticket 'T'" in text(nothing)
        assert unknown.body == {"reason": "no-holder"}
        await pair.b.event("applied", ticket="T", by="anonymous")
        assert "vip" in pair.b.snapshot.members


async def test_what_is_refused_is_audited_as_for_qmf(group: SiteGroup, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "qmfagent.audit")
    site = group["sitea"]
    site.config = replace(site.config, access=Access((Rule(("anonymous",), Role.VIEWER),)))
    await group.start()
    trace = "0af7651916cd43dd8448eb211c80319c"
    response = await ask(
        site.config.listen.url, "REVOKE", identity="Ticket:T", traceparent=f"00-{trace}-b7ad6b7169203331-01"
    )
    # Without TLS nobody has proved who he is: that might help.
    assert (status(response), response.body) == (401, {"reason": "forbidden"})
    assert "'anonymous' may not call Ticket.revoke for ticket T" in text(response)
    (line,) = (json.loads(record.getMessage()) for record in caplog.records if record.name == "qmfagent.audit")
    assert (line["what"], line["on"], line["result"], line["trace"]) == (
        "Ticket.revoke",
        "Ticket:T",
        "forbidden",
        trace,
    )
    assert site.snapshot.tickets["T"].granted


async def test_what_somebody_may_not_see_is_not_there(group: SiteGroup) -> None:
    site = group["sitea"]
    rules = (Rule(("anonymous",), Role.VIEWER, classes=("Site", "Ticket")),)
    site.config = replace(site.config, access=Access(rules))
    await group.start()

    def work(session: Session) -> list[proton.Message]:
        return [session.ask("QUERY", **MANAGEMENT), session.ask("READ", identity="Resource:vip")]

    everything, hidden = await with_session(site.config.listen.url, work)
    types = everything.body["attributeNames"].index("type")
    assert {row[types] for row in everything.body["results"]} == {f"{PACKAGE}.Site", TICKET}
    assert status(hidden) == 404


async def test_a_request_that_is_too_large_is_answered(group: SiteGroup) -> None:
    site = group["sitea"]
    site.config = replace(site.config, limits=replace(Limits(), request_bytes=1000))
    await group.start()
    response = await ask(site.config.listen.url, "PLAN", {"ticket": "x" * 1000}, identity="Site:sitea")
    assert (status(response), response.body) == (400, {"reason": "too-large"})


async def test_nobody_receives_what_others_ask(url: str) -> None:
    def attach() -> None:
        connection = BlockingConnection(url, timeout=TIMEOUT, sasl_enabled=False)
        try:
            with pytest.raises(LinkDetached, match="amqp:not-allowed"):
                connection.create_receiver(NODE)
        finally:
            connection.close()

    await with_session(url, lambda session: attach())


async def test_what_can_not_be_answered_harms_nobody(url: str, caplog: pytest.LogCaptureFixture) -> None:
    def work(session: Session) -> proton.Message:
        sender = session.connection.create_sender(NODE, name="another")
        for reply_to in (None, "nowhere", NODE, "qmf.default.topic/x", "/", "x" * 300):
            sender.send(proton.Message(properties={"operation": "GET-TYPES"}, reply_to=reply_to))
        sender.send(proton.Message(properties={"operation": 5}, body=b"\xff", reply_to="nowhere"))
        return session.ask("READ", identity="Site:sitea")

    assert status(await with_session(url, work)) == 200
    assert not [record for record in caplog.records if record.exc_info]
