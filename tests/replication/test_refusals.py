"""What an agent declines, by name, and that nothing is written then."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from qmfagent.errors import RemoteError
from qmfagent.peers.link import agent_name
from qmfagent.policy.access import Access, Rule
from qmfagent.policy.roles import Role
from tests.sites.pair import SitePair, until


async def refused(awaitable: object) -> RemoteError:
    with pytest.raises(RemoteError) as raised:
        await awaitable  # type: ignore[misc]
    return raised.value


async def test_a_plan_is_shown_and_then_applied_by_its_token(manual_pair: SitePair) -> None:
    b = manual_pair.b
    await b.replica("T", "sitea", state="behind")
    planned = await b.call("Site:siteb", "plan", ticket="T")
    assert planned["plan"]["publication"]["site"] == "sitea"
    assert "vip" not in b.snapshot.members
    applied = await b.call("Site:siteb", "apply", token=planned["token"])
    assert applied["changes"] == len(planned["plan"]["changes"])
    assert "vip" in b.snapshot.members
    await manual_pair.a.replica("T", "siteb", state="in-sync")
    version = b.snapshot.version
    again = await b.call("Site:siteb", "plan", ticket="T")
    assert (again["token"], again["plan"]["changes"]) == ("", [])
    assert b.snapshot.version == version


async def test_a_token_is_spent_once(manual_pair: SitePair) -> None:
    token = (await manual_pair.b.call("Site:siteb", "plan", ticket="T"))["token"]
    await manual_pair.b.call("Site:siteb", "apply", token=token)
    assert (await refused(manual_pair.b.call("Site:siteb", "apply", token=token))).reason == "unknown-token"


async def test_a_holder_never_applies(manual_pair: SitePair) -> None:
    error = await refused(manual_pair.a.call("Site:sitea", "plan", ticket="T"))
    assert error.reason == "holder"


async def test_two_holders_make_all_refuse(manual_pair: SitePair) -> None:
    token = (await manual_pair.b.call("Site:siteb", "plan", ticket="T"))["token"]
    await manual_pair.b.ticket("T", "grant")
    for site in (manual_pair.a, manual_pair.b):
        error = await refused(site.call(f"Site:{site.name}", "plan", ticket="T"))
        assert error.reason == "split"
        assert "sitea and siteb" in str(error)
    assert (await refused(manual_pair.b.call("Site:siteb", "apply", token=token))).reason == "split"
    assert "vip" not in manual_pair.b.snapshot.members


async def test_a_ticket_without_holder_is_refused(manual_pair: SitePair) -> None:
    await manual_pair.a.ticket("T", "revoke")
    assert (await refused(manual_pair.b.call("Site:siteb", "plan", ticket="T"))).reason == "no-holder"
    assert (await refused(manual_pair.b.call("Site:siteb", "plan", ticket="nowhere"))).reason == "no-holder"


async def test_a_concurrent_edit_is_never_lost(manual_pair: SitePair) -> None:
    token = (await manual_pair.b.call("Site:siteb", "plan", ticket="T"))["token"]
    await manual_pair.b.create("resources", '<primitive id="new" class="ocf" provider="pacemaker" type="Dummy"/>')
    error = await refused(manual_pair.b.call("Site:siteb", "apply", token=token))
    assert error.reason == "configuration-changed"
    assert "new" in manual_pair.b.snapshot.members
    assert "vip" not in manual_pair.b.snapshot.members
    await manual_pair.b.event("apply_failed", reason="configuration-changed")


async def test_a_status_change_does_not_refuse_an_apply(manual_pair: SitePair) -> None:
    token = (await manual_pair.b.call("Site:siteb", "plan", ticket="T"))["token"]
    await manual_pair.b.call("Ticket:T", "standby")
    applied = await manual_pair.b.call("Site:siteb", "apply", token=token)
    assert applied["changes"] > 0


async def test_a_plan_of_the_last_holder_is_not_applied(manual_pair: SitePair) -> None:
    token = (await manual_pair.b.call("Site:siteb", "plan", ticket="T"))["token"]
    await manual_pair.a.ticket("T", "revoke")
    assert (await refused(manual_pair.b.call("Site:siteb", "apply", token=token))).reason == "no-holder"


async def test_only_a_holder_publishes(manual_pair: SitePair) -> None:
    assert (await refused(manual_pair.b.call("Site:siteb", "publication", ticket="T"))).reason == "not-holder"


async def test_replicate_now_works_from_both_ends(manual_pair: SitePair) -> None:
    await manual_pair.a.replica("T", "siteb", direction="to")
    done = await manual_pair.a.call("Replica:T:siteb", "replicate_now")
    assert done["changes"] > 0
    assert "vip" in manual_pair.b.snapshot.members
    await manual_pair.a.set_value("vip-ip", "10.1.0.55")
    await manual_pair.b.replica("T", "sitea", state="behind")
    await manual_pair.b.call("Replica:T:sitea", "replicate_now")
    assert manual_pair.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.55"


async def test_a_viewer_may_read_but_not_write(manual_pair: SitePair) -> None:
    b = manual_pair.b
    await b.stop()
    b.config = replace(b.config, access=Access((Rule(("anonymous",), Role.VIEWER),)))
    await b.start()
    for object_name, method, arguments in (
        ("Ticket:T", "grant", {}),
        ("Replica:T:sitea", "replicate_now", {}),
        ("Site:siteb", "apply", {"token": "x"}),
    ):
        await b.replica("T", "sitea", state="behind")
        error = await refused(b.call(object_name, method, **arguments))
        assert (error.code, error.reason) == (6, "forbidden")
        assert '[[access]] / identity = "anonymous" / role = ' in str(error)
    planned = await b.call("Site:siteb", "plan", ticket="T")
    assert planned["token"]
    assert "vip" not in b.snapshot.members


@pytest.mark.parametrize(
    ("object_name", "method", "arguments", "named"),
    [
        ("Site:siteb", "explode", {}, "explode"),
        ("Site:nowhere", "query", {}, "Site:nowhere"),
        ("Ticket:unheard-of", "grant", {}, "unheard-of"),
        ("Site:siteb", "plan", {}, "ticket"),
        ("Site:siteb", "plan", {"ticket": 7}, "ticket"),
        ("Site:siteb", "plan", {"ticket": "T", "colour": "red"}, "colour"),
        ("Site:siteb", "apply", {"token": "made-up"}, "made-up"),
        ("Site:siteb", "query", {"path": "configuration/[[["}, "configuration"),
        ("Site:siteb", "query", {"path": "elsewhere"}, "elsewhere"),
    ],
)
async def test_bad_calls_name_the_culprit_and_the_agent_goes_on(
    manual_pair: SitePair, object_name: str, method: str, arguments: dict[str, object], named: str
) -> None:
    before = manual_pair.b.snapshot.version
    assert named in str(await refused(manual_pair.b.call(object_name, method, **arguments)))
    assert manual_pair.b.snapshot.version == before
    assert (await manual_pair.b.object("Site:siteb"))["connected"] is True


async def test_a_broken_cib_file_leaves_the_last_good_state(manual_pair: SitePair) -> None:
    b = manual_pair.b
    assert b.config.cib_file is not None
    good = b.config.cib_file.read_bytes()
    b.config.cib_file.write_bytes(b"<cib><configuration>")
    version = (await b.object("Site:siteb"))["cib_version"]
    await asyncio.sleep(0)
    assert version == str((await b.object("Site:siteb"))["cib_version"])
    b.config.cib_file.write_bytes(good)
    assert (await b.call("Site:siteb", "query", path="configuration/resources"))["xml"].startswith("<resources")


async def test_replicators_are_all_that_agents_need_to_be_to_each_other(manual_pair: SitePair) -> None:
    sites = (manual_pair.a, manual_pair.b)
    for site in sites:
        await site.stop()
        site.config = replace(site.config, access=Access((Rule(("anonymous",), Role.REPLICATOR),)))
    for site in sites:
        await site.start()
    for site in sites:
        await site.sees_peers()
    await manual_pair.a.replica("T", "siteb", direction="to", state="behind")
    assert (await manual_pair.a.call("Replica:T:siteb", "replicate_now"))["changes"] > 0
    await manual_pair.b.replica("T", "sitea", state="in-sync")
    for site in sites:
        assert (await refused(site.ticket("T", "revoke"))).reason == "forbidden"


async def test_what_a_rule_hides_is_in_no_answer(manual_pair: SitePair) -> None:
    a = manual_pair.a
    await a.stop()
    rules = (Rule(("anonymous",), Role.ADMINISTRATOR), Rule(("anonymous",), None, tickets=("T",)))
    a.config = replace(a.config, access=Access(rules))
    await a.start()
    assert a.session is not None
    seen = {
        name: sorted(data.object_id.object_name for data in await a.session.query(agent_name("sitea"), name))
        for name in ("Ticket", "Resource", "Constraint", "Site")
    }
    assert seen == {"Ticket": [], "Resource": ["Resource:local-a"], "Constraint": [], "Site": ["Site:sitea"]}
    assert (await refused(a.ticket("T", "revoke"))).code == 1
    assert (await refused(a.call("Site:sitea", "query", path="configuration"))).reason == "forbidden"


async def test_who_has_no_role_is_not_let_in(manual_pair: SitePair, caplog: pytest.LogCaptureFixture) -> None:
    a = manual_pair.a
    await a.stop()
    a.config = replace(a.config, access=Access((Rule(("CN=*",), Role.VIEWER),)))
    starting = asyncio.create_task(a.start())
    await until(lambda: "give it a role under [[access]]" in caplog.text, "a console that is told why")
    assert not starting.done()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
