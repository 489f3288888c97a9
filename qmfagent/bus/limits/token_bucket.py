"""How often something may be done: so many times a second, and as many at once.

Rules of this file: pure. The time is given, in seconds of a clock that never goes back.
"""

from __future__ import annotations


class TokenBucket:
    """Allows `rate` a second on average, and a second's worth at once."""

    __slots__ = ("_rate", "_then", "_tokens")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._tokens = max(rate, 1.0)
        self._then = now

    def take(self, now: float) -> bool:
        """Whether it may be done once more now; if so, it counts."""
        self._tokens = min(self._tokens + (now - self._then) * self._rate, max(self._rate, 1.0))
        self._then = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
