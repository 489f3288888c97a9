"""Tickets that booth manages, and those that it does not: booth's client and crm_ticket are played by scripts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import BoothView, TicketState
from qmfagent.errors import ClusterError, Refused
from qmfagent.pacemaker.booth import Tickets
from qmfagent.pacemaker.booth_config import NO_BOOTH, BoothConfigs
from qmfagent.pacemaker.tools import TicketAction, Tools

HERE, THERE = "1102844285", "1488273607"
PEERS = "site         10.77.0.2, last recv: 2026-11-24 13:44:17\n\tSent pkts:4\n\narbitrator   10.77.0.3, last recv: never\n"


class World:
    """One site whose CIB is as it was until somebody asks for something, and then as `after` has it."""

    def __init__(self, tmp_path: Path, cib: Callable[..., bytes]) -> None:
        self.config = tmp_path / "geo.conf"
        self.config.write_text(
            "site = 10.77.0.1\nsite = 10.77.0.2\narbitrator = 10.77.0.3\nticket = db\nticket = man\nmode = manual\n"
        )
        self._log = tmp_path / "log"
        self._bin = tmp_path
        self._cib = cib
        self.tickets = Tickets(Tools(), BoothConfigs([self.config]))
        self.script("booth", f"[ $1 = peers ] && printf '{PEERS}'; true")
        self.script("crm_ticket", "true")
        self.after = True

    def script(self, name: str, body: str) -> None:
        path = self._bin / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self._log}\n{body}\n')
        path.chmod(0o755)

    async def change(self, action: TicketAction, name: str = "db", **state: str) -> list[str]:
        """What was run to carry out `action` on a ticket that is in this state."""
        attributes = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in state.items())
        element = f'<ticket_state id="{name}"{attributes}/>' if state else ""

        async def until(condition: Callable[[Snapshot], bool], seconds: float) -> bool:
            return self.after

        before = Snapshot.parse(self._cib(status=f"<tickets>{element}</tickets>"))
        await self.tickets.change(before, name, action, until)
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def world(tmp_path: Path, cib: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return World(tmp_path, cib)


@pytest.mark.parametrize("name", ["db", "man"])
async def test_booth_grants_what_it_manages_before_anything_is_in_the_cib(world: World, name: str) -> None:
    assert await world.change("grant", name) == [f"booth grant -c {world.config} -- {name}"]


async def test_a_ticket_that_names_its_configuration_is_booths(world: World) -> None:
    ran = await world.change("grant", "other", granted="false", booth_cfg_name="far")
    assert ran == ["booth grant -c far -- other"]


async def test_booth_revokes_what_it_has_granted_here(world: World) -> None:
    ran = await world.change("revoke", granted="true", owner=HERE)
    assert ran == [f"booth peers -c {world.config}", f"booth revoke -c {world.config} -- db"]


async def test_what_somebody_else_granted_here_is_not_revoked_where_booth_has_it(world: World) -> None:
    ran = await world.change("revoke", granted="true", owner=THERE)
    assert ran == [f"booth peers -c {world.config}", "crm_ticket --ticket=db --revoke --force"]


async def test_where_booth_does_not_know_which_site_this_is_it_is_asked(world: World) -> None:
    world.script("booth", f"[ $1 = peers ] && printf '{PEERS.replace('arbitrator', 'site').replace('.3', '.1')}'; true")
    ran = await world.change("revoke", granted="true", owner=THERE)
    assert ran[-1] == f"booth revoke -c {world.config} -- db"


async def test_nothing_is_revoked_that_is_not_granted_here(world: World) -> None:
    assert await world.change("revoke", granted="false", owner=THERE) == []


@pytest.mark.parametrize("action", ["standby", "activate"])
async def test_standby_is_pacemakers(world: World, action: TicketAction) -> None:
    ran = await world.change(action, granted="true", owner=HERE)
    assert ran == [f"crm_ticket --ticket=db --{action} --force"]


async def test_other_tickets_are_crm_tickets(world: World) -> None:
    assert await world.change("grant", "web") == ["crm_ticket --ticket=web --grant --force"]
    world.tickets = Tickets(Tools(), NO_BOOTH)
    assert (await world.change("grant"))[-1] == "crm_ticket --ticket=db --grant --force"


async def test_a_refusal_is_told_in_booths_words(world: World) -> None:
    world.script(
        "booth",
        "echo 'Nov 24 13:46:12 b booth: [1]: info: grant request sent' >&2\n"
        "echo 'Nov  4 13:46:12 b booth: [1]: ERROR: grant failed!' >&2; exit 1",
    )
    with pytest.raises(Refused) as refused:
        await world.change("grant")
    assert refused.value.reason == "booth"
    assert str(refused.value).endswith("'db', does not grant: grant request sent\ngrant failed!")


async def test_an_error_is_a_refusal_whatever_the_exit_code_says(world: World) -> None:
    world.script("booth", "echo 'Nov 24 14:20:43 a booth: [80]: ERROR: We are just an arbitrator.' >&2")
    with pytest.raises(Refused, match=r"does not grant: We are just an arbitrator\.$"):
        await world.change("grant")


async def test_a_client_that_crashes_is_no_refusal(world: World) -> None:
    world.script("booth", "kill -SEGV $$")
    with pytest.raises(ClusterError, match="signal 11"):
        await world.change("grant")


async def test_what_booth_has_not_done_yet_is_told(world: World) -> None:
    world.script("booth", "echo 'Nov 24 13:46:12 b booth: [1]: info: grant succeeded (CIB commit pending)' >&2")
    world.after = False
    with pytest.raises(ClusterError, match=r"not carried out yet .* grant succeeded \(CIB commit pending\)"):
        await world.change("grant")


@pytest.mark.parametrize(
    ("state", "view"),
    [
        (TicketState("db", owner=HERE, expires=17), BoothView("geo", "10.77.0.1", 17)),
        (TicketState("db", owner="99", expires=17), BoothView("geo", "99", 17)),
        (TicketState("db", owner="-1", expires=17), BoothView("geo", "", 0)),
        (TicketState("db", owner="0", expires=17), BoothView("geo", "", 0)),
        (TicketState("db"), BoothView("geo", "", 0)),
        (TicketState("man", owner=THERE, expires=17), BoothView("geo", "10.77.0.2", 0)),
        (TicketState("web", owner=THERE, expires=17, booth="far"), BoothView("far", THERE, 17)),
        (TicketState("web"), BoothView("", "", 0)),
    ],
)
async def test_what_booth_says_of_a_ticket(world: World, state: TicketState, view: BoothView) -> None:
    assert world.tickets.view(state) == view
