"""How often somebody may try to log in.

Rules of this file: pure but for its clock. What is counted is attempts, before their password is looked at, so that the answer
tells nothing of it; one bucket for the address they come from, and one for the user they are for. The number of buckets is
bounded: the one that was used least recently goes.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from qmfagent.bus.limits.token_bucket import TokenBucket

A_MINUTE = 10
"""Attempts a minute, and as many at once."""
MOST = 10_000
"""Addresses and users that are remembered."""


class Attempts:
    """The attempts of all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, most: int = MOST) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[tuple[str, str], TokenBucket] = OrderedDict()

    def may(self, address: str, user: str) -> bool:
        """Count an attempt; whether it may be made."""
        return self._take("address", address) and self._take("user", user)

    def _take(self, kind: str, name: str) -> bool:
        # A bucket holds one unit's worth at once: the unit is a minute.
        now = self._clock() / 60
        bucket = self._buckets.setdefault((kind, name), TokenBucket(A_MINUTE, now))
        self._buckets.move_to_end((kind, name))
        while len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket.take(now)
