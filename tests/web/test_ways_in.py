"""Links that can be used once, attempts to log in, and permissions that are remembered for a while."""

from __future__ import annotations

from consoles.permissions import Permissions
from consoles.web.attempts import A_MINUTE, Attempts
from consoles.web.links import Links
from consoles.web.permissions import LASTS, KnownPermissions
from qmfagent.errors import ConnectionLost


def test_a_link_is_good_once_and_then_there_is_another() -> None:
    told: list[str] = []
    links = Links(told.append)
    assert not links.use("")
    token = links.renew()
    assert not links.use(token + "x")
    assert not links.use("\ud800")
    assert links.use(token)
    assert not links.use(token)
    assert told[0] == token
    assert links.use(told[1])
    assert len(set(told)) == len(told) == 3


def test_attempts_are_bounded_for_an_address_and_for_a_user() -> None:
    now = 0.0
    attempts = Attempts(lambda: now)
    assert all(attempts.may("10.0.0.1", f"user{number}") for number in range(A_MINUTE))
    assert not attempts.may("10.0.0.1", "another")
    assert all(attempts.may(f"10.0.1.{number}", "bob") for number in range(A_MINUTE))
    assert not attempts.may("10.0.2.1", "bob")
    assert attempts.may("10.0.2.1", "eve")
    now = 60 / A_MINUTE + 0.1
    assert attempts.may("10.0.0.1", "another")
    assert not attempts.may("10.0.0.1", "another")


def test_what_is_remembered_of_attempts_is_bounded() -> None:
    attempts = Attempts(lambda: 0.0, most=4)
    for number in range(100):
        attempts.may(f"10.0.0.{number}", f"user{number}")
    assert len(attempts._buckets) == 4


class Sites:
    """Answers with what bob may, unless it can't be reached."""

    asked = 0
    reachable = True

    async def permissions(self, site: str) -> Permissions:
        self.asked += 1
        if not self.reachable:
            raise ConnectionLost("no")
        entry = {"class": "Site", "method": "apply", "any": False, "tickets": ["db"]}
        return Permissions.read(site, {"identity": "bob", "permitted": [entry]})


async def test_permissions_are_asked_for_once_in_a_while() -> None:
    now, sites = 0.0, Sites()
    known = KnownPermissions(sites, lambda: now)
    assert await known.may("paris", "Site.apply", "db")
    assert not await known.may("paris", "Site.apply", "web")
    assert await known.may("paris", "Site.apply")
    assert not await known.may("paris", "Ticket.grant", "db")
    assert sites.asked == 1
    now += LASTS
    assert await known.may("paris", "Site.apply", "db")
    assert sites.asked == 2


async def test_where_nobody_can_be_asked_nothing_is_offered() -> None:
    sites = Sites()
    known = KnownPermissions(sites, lambda: 0.0)
    sites.reachable = False
    assert not await known.may("paris", "Site.apply", "db")
    sites.reachable = True
    assert await known.may("paris", "Site.apply", "db")
