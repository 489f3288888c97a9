"""When something is due by the clock: times in cron's form, and windows that open at them.

Rules of this file: pure; what time it is, is given. Times are seconds since the epoch; cron's fields are read in the zone
that a Schedule is made for. Where clocks are set forward or back it does as Debian's cron: what would be skipped is due
right after, and what has a fixed time is due once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from cronsim import CronSim, CronSimError

# From here on every day of a leap year comes within the 50 years after which CronSim gives up.
_ANY_TIME = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times by a cron expression of five fields (minute, hour, day of month, month, day of week). Source: crontab(5)."""

    expression: str
    zone: tzinfo = field(default=UTC, compare=False)

    @classmethod
    def parse(cls, expression: str, zone: tzinfo) -> Schedule:
        """Read an expression. Raises ValueError, with what is wrong, for one that is none or never comes."""
        if len(expression.split()) != 5:
            raise ValueError("it needs five fields: minute, hour, day of month, month, day of week")
        try:
            next(CronSim(expression, _ANY_TIME))
        except CronSimError as error:
            raise ValueError(f"{str(error)[:1].lower()}{str(error)[1:]}") from None
        except (StopIteration, ValueError):
            raise ValueError("no such time ever comes") from None
        return cls(expression, zone)

    def after(self, moment: float) -> float:
        """The first time that is later than `moment`."""
        found = next(CronSim(self.expression, datetime.fromtimestamp(moment, self.zone)))
        return found.timestamp()


@dataclass(frozen=True, slots=True)
class Window:
    """A time that opens at `start` for so many minutes."""

    start: Schedule
    minutes: int

    def opens(self, moment: float) -> float:
        """When it is open first from `moment` on: `moment` itself where it is open then."""
        return max(moment, self.start.after(moment - 60 * self.minutes))


def opening(windows: Iterable[Window], moment: float) -> float:
    """When the first of these windows is open from `moment` on; `moment` itself where there are none."""
    return min((window.opens(moment) for window in windows), default=moment)
