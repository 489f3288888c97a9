"""`[[drill]]`: tickets whose grant to this site is simulated at times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from qmfagent.config.schedule import read_schedule
from qmfagent.config.table import Table
from qmfagent.policy.schedule import Schedule


def read_drills(tables: Iterable[Table]) -> Mapping[str, Schedule]:
    """When each ticket is drilled. Raises ConfigError."""
    schedules: dict[str, Schedule] = {}
    for table in tables:
        table.only("ticket", "schedule")
        ticket = table.text("ticket")
        if ticket in schedules:
            raise table.error(f"'ticket' in {table.where} is {ticket!r} twice", "give each ticket one entry")
        schedules[ticket] = read_schedule(table, "schedule")
    return schedules
