"""Times in cron's form, in any section that has some."""

from __future__ import annotations

from qmfagent.config.local_time import local_zone
from qmfagent.config.table import Table
from qmfagent.policy.schedule import Schedule, Window

MAX_WINDOW = 7 * 24 * 60
_EXAMPLE = 'such as "30 2 * * sun": minute, hour, day of month, month, day of week, as in crontab(5)'


def read_schedule(table: Table, key: str) -> Schedule:
    """A cron expression, which must be given; its times are this host's. Raises ConfigError, also for one that never comes."""
    text = table.text(key)
    try:
        return Schedule.parse(text, local_zone())
    except ValueError as error:
        raise table.wrong(key, _EXAMPLE, f": {error}") from None


def read_windows(table: Table, key: str) -> tuple[Window, ...]:
    """Windows, none where the key is not there. Raises ConfigError."""
    return tuple(map(_window, table.tables(key)))


def _window(table: Table) -> Window:
    table.only("start", "minutes")
    if "minutes" not in table:
        raise table.error(f"{table.where} has no 'minutes'", "say how long it is open")
    return Window(read_schedule(table, "start"), table.number("minutes", 0, 1, MAX_WINDOW))
