"""What a console may do at each site, told by real agents with different rules: who is told so, may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from consoles.client import AsyncConsole, Permissions
from qmfagent.errors import RemoteError
from qmfagent.policy.access import Access, Rule
from qmfagent.policy.roles import Role
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import Site, SitePair

WHOEVER = ("anonymous",)
TICKETS = SOURCE.replace(b'<ticket_state id="T"', b'<ticket_state id="other"/><ticket_state id="T"')


def give(site: Site, rules: Iterable[Rule]) -> None:
    """Give a site's agent these rules; before it is started."""
    site.config = replace(site.config, access=Access(tuple(rules)))


async def test_each_site_tells_what_may_be_called_there(tmp_path: Path) -> None:
    sites = SitePair(tmp_path, TICKETS, TARGET, mode="manual")
    give(
        sites.a,
        [
            Rule(WHOEVER, Role.VIEWER),
            Rule(WHOEVER, Role.OPERATOR, tickets=("oth*",)),
            Rule(WHOEVER, Role.REPLICATOR, tickets=("T",), methods=("publication", "replicate_now")),
        ],
    )
    give(sites.b, [Rule(WHOEVER, Role.ADMINISTRATOR), Rule(WHOEVER, None, sites=("sitea",), classes=("Replica",))])
    async with sites, AsyncConsole([sites.a.bus.url("sitea"), sites.b.bus.url("siteb")]) as console:
        at_a, at_b = await console.permissions("sitea"), await console.permissions("siteb")
        assert (at_a.identity, at_b.identity) == ("anonymous", "anonymous")
        assert at_a.may("Site.query")
        assert at_a.may("Site.plan", "T")
        assert at_a.may("Ticket.grant")
        assert at_a.may("Ticket.grant", "other")
        assert not at_a.may("Ticket.grant", "T")
        assert not at_a.may("Site.apply")
        assert at_a.may("Replica.replicate_now", "T", "siteb")
        assert not at_a.may("Replica.replicate_now", "T", "elsewhere")
        assert at_b.may("Site.apply", "not there yet")
        assert not at_b.may("Replica.replicate_now")
        for permissions, ticket in ((at_a, "T"), (at_a, "other"), (at_b, "T")):
            assert await refused(console, permissions, "Ticket", "standby", ticket) != permissions.may(
                "Ticket.standby", ticket
            )


async def refused(console: AsyncConsole, at: Permissions, class_name: str, method: str, ticket: str) -> bool:
    """Whether a call is forbidden there."""
    try:
        await console.call(at.site, f"{class_name}:{ticket}", method)
    except RemoteError as error:
        return error.reason == "forbidden"
    return False


def test_an_agent_that_does_not_tell_is_taken_to_permit() -> None:
    """It refuses what it does not."""
    assert Permissions("old").may("Site.apply", "T")


async def test_who_may_not_even_see_the_site_is_told_so(tmp_path: Path) -> None:
    sites = SitePair(tmp_path, SOURCE, TARGET, mode="manual")
    give(sites.a, [Rule(WHOEVER, Role.ADMINISTRATOR, tickets=("T",))])
    await sites.a.start()
    try:
        async with AsyncConsole([sites.a.bus.url("sitea")]) as console:
            with pytest.raises(RemoteError, match="has no object") as error:
                await console.permissions("sitea")
            assert error.value.code == 1
    finally:
        await sites.stop()
