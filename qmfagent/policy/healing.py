"""How often drift is healed: what comes back again and again is left alone for ever longer.

Rules of this file: pure; what time it is, is given. Another tool that writes the same elements would else make the two of them
write against each other for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

AT_ONCE = 3
"""Healings in succession that nothing holds back."""
FIRST_WAIT, MOST_WAIT = 60.0, 3600.0
"""Seconds between the healings after those; doubled each time, up to the most."""
CALM = 2 * MOST_WAIT
"""Seconds without a healing after which they count anew."""


@dataclass(frozen=True, slots=True)
class Healings:
    """The healings of one ticket: how many there were in succession, and when the last of them was."""

    count: int = 0
    last: float = 0.0

    def healed(self, now: float) -> Healings:
        """After one more."""
        return Healings(1 if now - self.last >= CALM else self.count + 1, now)

    def wait(self, now: float) -> float:
        """Seconds until the next may be; 0 where it may be now. A clock that was set back makes nobody wait longer."""
        if self.count < AT_ONCE or now - self.last >= CALM:
            return 0.0
        pause = min(FIRST_WAIT * 2.0 ** min(self.count - AT_ONCE, 10), MOST_WAIT)
        return max(0.0, pause - max(0.0, now - self.last))
