"""The objects that a QMF subscription tells of, for one reader at its own pace.

Rules of this file: of each object the newest state waits for the reader, so what waits is bounded by how many objects there
are; states in between may be left out, the last never is. The end of the subscription is told after everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from qmfagent.errors import ConnectionLost
from qmfagent.qmf.data import Data


class DataStream:
    """An asynchronous iterator over objects, which come whenever they have changed, or are gone (delete_ts)."""

    def __init__(self, subscription: str) -> None:
        """`subscription` is what names it at the console."""
        self.subscription = subscription
        self._newest: dict[str, Data] = {}
        self._reason: str | None = None
        self._changed = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether nothing more comes than what waits for the reader."""
        return self._reason is not None

    def put(self, objects: Iterable[Data]) -> None:
        """Take the new states of objects."""
        self._newest.update({data.object_id.object_name: data for data in objects})
        self._changed.set()

    def end(self, reason: str = "") -> None:
        """Nothing more will come; `reason` says why in words, empty where the reader wanted it."""
        if self._reason is None:
            self._reason = reason
            self._changed.set()

    def __aiter__(self) -> DataStream:
        return self

    async def __anext__(self) -> Data:
        """The next object. Raises ConnectionLost where the subscription has ended by itself."""
        while True:
            if self._newest:
                return self._newest.pop(next(iter(self._newest)))
            if self._reason:
                raise ConnectionLost(f"the subscription has ended: {self._reason}", hint="subscribe again")
            if self._reason is not None:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
