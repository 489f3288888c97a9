"""What the page of a site reads afresh: of many resources few, of few all, since some of it is told by no event."""

from __future__ import annotations

from typing import Any

import pytest

from consoles.values import Event, Object
from consoles.web.site_watch import FEW, SiteWatch


class Site:
    """A console of one site with `count` resources, the first of which is in a group; it notes what it is asked for."""

    def __init__(self, count: int) -> None:
        self.values: dict[str, dict[str, Any]] = {
            f"r{number}": {"id": f"r{number}", "parent": "" if number else "g", "pending": ""}
            for number in range(count)
        }
        self.values["g"] = {"id": "g", "parent": "", "pending": ""}
        self.asked: list[str | None] = []

    async def query(self, class_name: str, site: str, name: str | None = None) -> list[Object]:
        if class_name == "Node":
            return []
        self.asked.append(name)
        names = list(self.values) if name is None else [name.removeprefix("Resource:")]
        return [Object(site, class_name, f"Resource:{each}", dict(self.values[each])) for each in names]


async def watched(site: Site) -> SiteWatch:
    watch = SiteWatch(site, "paris")  # type: ignore[arg-type]
    await watch.read()
    site.asked.clear()
    return watch


def pending(watch: SiteWatch) -> list[str]:
    return [each.values["id"] for each in watch.resources if each.values["pending"]]


async def test_few_are_all_read_at_a_look() -> None:
    site = Site(3)
    watch = await watched(site)
    site.values["r2"]["pending"] = "Starting"
    await watch.take([])
    assert (site.asked, pending(watch)) == ([None], ["r2"])


@pytest.mark.parametrize("busy", ["r0", ""])
async def test_of_many_those_that_something_is_under_way_with(busy: str) -> None:
    site = Site(FEW)
    if busy:
        site.values[busy]["pending"] = "Starting"
    watch = await watched(site)
    site.values["r0"]["pending"] = ""
    await watch.take([])
    assert (site.asked, pending(watch)) == (["Resource:g", "Resource:r0"] if busy else [], [])


async def test_an_event_tells_which() -> None:
    site = Site(FEW)
    watch = await watched(site)
    event = Event("paris", "resource_changed", {"change": "state", "id": "r1", "truncated": 0}, 6, 0)
    await watch.take([event])
    assert site.asked == ["Resource:r1"]
