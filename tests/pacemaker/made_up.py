"""A libcib that is made up: what the real one can't be made to do at will."""

from __future__ import annotations

import asyncio
import errno
import queue
import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from qmfagent.cib.change import CibChange, CibLost


class MadeUpLibcib:
    """The functions of `Libcib`, with a main loop that is a queue; the daemon's side is driven by the test."""

    def __init__(self, cib: bytes) -> None:
        self.document = cib
        self.refuse_signon = False
        self.queries = 0
        self.patches: list[bytes] = []
        self.answer = 0
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._notify: Callable[[bytes, int], None] | None = None
        self._lost: Callable[[int], None] | None = None
        self._texts: dict[int, bytes] = {}

    # the daemon's side

    def send(self, *messages: bytes) -> None:
        for message in messages:
            number = len(self._texts) + 1
            self._texts[number] = message
            self._events.put(partial(self._call_notify, number))

    def go_away(self) -> None:
        self._events.put(lambda: self._lost and self._lost(1))

    def _call_notify(self, number: int) -> None:
        if self._notify:
            self._notify(b"cib_diff_notify", number)

    # the library's side

    def new(self) -> int:
        return 1

    def signon(self, cib: int, client: str) -> int:
        return -errno.ENOTCONN if self.refuse_signon else 0

    def on_change(self, cib: int, event: bytes, callback: Any) -> None:
        self._notify = callback

    def on_lost(self, cib: int, callback: Any) -> None:
        self._lost = callback

    def close(self, cib: int) -> None:
        self._notify = None

    def query(self, cib: int) -> tuple[int, bytes]:
        self.queries += 1
        return 0, self.document

    def send_patch(self, cib: int, patchset: bytes) -> int:
        self.patches.append(patchset)
        return len(self.patches)

    def on_reply(self, cib: int, call: int, timeout: int, callback: Any) -> None:
        self._events.put(lambda: callback(0, call, self.answer, 0, 0))

    def text(self, node: int) -> bytes:
        return self._texts[node]

    def patchset(self, message: int) -> bytes:
        found = re.search(rb'cib_rc="0".*<cib_update_result>(.*)</cib_update_result>', self._texts[message])
        return found[1].replace(b"'", b"&apos;") if found else b""

    def words(self, code: int) -> str:
        return f"code {code}"

    def iterate(self, *, wait: bool = True) -> bool:
        if not wait and self._events.empty():
            return False
        self._events.get()()
        return True

    def wake(self) -> None:
        self._events.put(lambda: None)


async def following(changes: AsyncIterator[CibChange | CibLost]) -> CibChange | CibLost:
    """What a store tells next."""
    async with asyncio.timeout(10):
        return await anext(changes)
