"""That a picture has everything that was told before it was asked for, on a console that answers when the test says so."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import pytest

from consoles.live import Live
from consoles.values import Event, Object

WAIT = 30.0


class Console:
    """A console of one site. What is asked is read at once and answered once `answers` is set; `events` are what it hears."""

    def __init__(self) -> None:
        self.told = "before"
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.events: asyncio.Queue[Event] = asyncio.Queue()

    async def sites(self) -> list[str]:
        return ["paris"]

    async def unreachable(self) -> dict[str, str]:
        return {}

    async def query(self, class_name: str, site: str) -> list[Object]:
        if class_name != "Site":
            return []
        self.asked += 1
        found = [Object(site, class_name, "Site:paris", {"peers": [], "told": self.told})]
        await self.answers.wait()
        return found

    def subscribe(self) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        return await self.events.get()


@pytest.mark.parametrize("again", [False, True], ids=["before it is read", "while it is read"])
async def test_a_picture_has_what_was_told_before_it_was_asked_for(again: bool) -> None:
    console: Any = Console()
    live = Live(lambda on_replica: console)
    changed = Event("paris", "config_changed", {}, 6, 0)
    async with asyncio.timeout(WAIT):
        first = await live.picture()
        if again:
            # Somebody looks all the time, and what he is to see next is being read.
            looking = asyncio.create_task(live.after(first.number))
            console.answers.clear()
            asked = console.asked
            console.events.put_nowait(changed)
            while console.asked == asked:
                await asyncio.sleep(0.01)
        console.told = "after"
        console.events.put_nowait(changed)
        while not live._stale:
            await asyncio.sleep(0.001)
        asking = asyncio.create_task(live.picture())
        await asyncio.sleep(0)
        console.answers.set()
        assert [site.values["told"] for site in (await asking).sites] == ["after"]
        if again:
            await looking
    await live.stop()
