"""What a monitoring plugin says of what it has seen."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consoles.health import Limit, Seen, Status, Verdict, judge
from consoles.tickets import TicketAt, TicketStatus
from consoles.values import Object
from qmfagent.telemetry.lag import Lag

LAG, DRIFT = Limit(300, 3600), Limit(0, None)
FIGURE = re.compile(r"'?[a-z]+'?=\d+(s|c)?(;[\d.]*){0,4}")


def site(name: str = "paris", *, connected: bool = True, peer: bool = True) -> Object:
    """A Site object with one peer."""
    peers = [{"site": "lyon", "connected": peer}]
    return Object(name, "Site", f"Site:{name}", {"connected": connected, "peers": peers, "last_event": 7})


def ticket(*at: TicketAt, name: str = "db") -> TicketStatus:
    """A ticket at these sites, and held by paris."""
    return TicketStatus(name, (*at, TicketAt("paris", "holder")))


def verdict(seen: Seen, lag: Limit = LAG, drift: Limit = DRIFT) -> Verdict:
    """The verdict, whose form is checked."""
    found = judge(seen, lag, drift)
    text, bar, figures = found.line.partition(" | ")
    assert text.startswith(f"QMFAGENT {found.status.name} - ")
    assert bar
    assert "\n" not in found.line
    assert "|" not in text
    assert all(FIGURE.fullmatch(figure) for figure in figures.split(" ")), figures
    return found


def test_all_well() -> None:
    found = verdict(Seen([site()], [ticket(TicketAt("lyon", "in-sync"))]))
    assert found.status is Status.OK
    assert found.line == (
        "QMFAGENT OK - 1 site, 1 ticket; db at paris"
        " | lag=0s;300;3600;0 behind=0;;;0 drift=0;0;;0 blocked=0;;;0 peers=1;;;0;1 tickets=1;;;0 events=7c"
    )


@pytest.mark.parametrize(
    ("seen", "status", "words"),
    [
        (Seen([site(connected=False)], []), Status.CRITICAL, "paris: the CIB can't be read"),
        (Seen([site(peer=False)], []), Status.WARNING, "paris: lyon can't be reached"),
        (Seen([site()], [ticket(TicketAt("lyon", "holder"))]), Status.CRITICAL, "db: held by lyon and paris"),
        (
            Seen([site()], [ticket(TicketAt("lyon", "blocked", reason="unsigned", message="no signature"))]),
            Status.CRITICAL,
            "db at lyon: blocked (unsigned: no signature)",
        ),
        (Seen([site()], [ticket(TicketAt("lyon", "behind"))]), Status.WARNING, "give the URL of that too"),
        (Seen([site()], [ticket(TicketAt("lyon", "in-sync", drift=1))]), Status.WARNING, "drifted (1 field)"),
        (Seen([site()], [], drills=[("db", "lyon")]), Status.WARNING, "db at lyon: the last drill failed"),
        (Seen([], [], problems=["lyon: no answer"]), Status.CRITICAL, "lyon: no answer"),
    ],
)
def test_what_is_not_well(seen: Seen, status: Status, words: str) -> None:
    found = verdict(seen)
    assert found.status is status
    assert words in found.line


@pytest.mark.parametrize(("seconds", "status"), [(300, Status.OK), (301, Status.WARNING), (3601, Status.CRITICAL)])
def test_lag_by_its_limits(seconds: int, status: Status) -> None:
    behind = ticket(TicketAt("lyon", "behind", hold="manual"))
    found = verdict(Seen([site()], [behind], lags={("db", "lyon"): Lag(2, seconds)}))
    assert found.status is status
    assert f"lag={seconds}s;300;3600;0 behind=2" in found.line
    assert ("2 publications behind" in found.line and "(manual)" in found.line) == (status is not Status.OK)


def test_drift_by_its_limits() -> None:
    drifted = Seen([site()], [ticket(TicketAt("lyon", "in-sync", drift=5))])
    assert verdict(drifted, drift=Limit(5, None)).status is Status.OK
    assert verdict(drifted, drift=Limit(0, 4)).status is Status.CRITICAL
    assert verdict(drifted, drift=Limit(None, None)).status is Status.OK


def test_the_worst_comes_first_and_counts() -> None:
    found = verdict(Seen([site(peer=False)], [ticket(TicketAt("lyon", "blocked", reason="schema", message="x"))]))
    assert found.status is Status.CRITICAL
    assert found.line.index("blocked") < found.line.index("can't be reached")


def test_what_another_site_says_can_not_break_the_line() -> None:
    evil = TicketAt("lyon", "blocked", reason="x", message="a | lag=0\n\x1b[31mOK")
    found = verdict(Seen([site()], [ticket(evil)]))
    assert found.line.isprintable()


@given(
    st.sampled_from(["in-sync", "behind", "blocked", "unreachable", "idle", "unknown"]),
    st.integers(0, 10),
    st.booleans(),
)
def test_a_further_fault_makes_nothing_better(state: str, drift: int, peer: bool) -> None:
    at = TicketAt("lyon", state, drift=drift)
    seen = Seen([site(peer=peer)], [ticket(at)])
    assert verdict(Seen(seen.sites, seen.tickets, problems=["gone"])).status >= verdict(seen).status
