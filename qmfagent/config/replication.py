"""`[replication]` and `[[ticket]]`: how publications of other sites are taken here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qmfagent.config.table import Table
from qmfagent.replication.subscriber import AUTOMATIC, MANUAL

MODES = (MANUAL, AUTOMATIC)


@dataclass(frozen=True, slots=True)
class Replication:
    """The mode of tickets, `modes` for single ones, and the file of this site's own values."""

    mode: str = MANUAL
    modes: Mapping[str, str] = field(default_factory=dict)
    site_file: Path | None = None

    def mode_of(self, ticket: str) -> str:
        """How publications of a ticket are applied here: automatic or manual."""
        return self.modes.get(ticket, self.mode)


def read_replication(table: Table, tickets: Iterable[Table]) -> Replication:
    """Read the sections. Raises ConfigError."""
    table.only("mode", "site_file")
    mode = table.choice("mode", MODES, MANUAL)
    return Replication(mode, _modes(tickets), table.optional_path("site_file"))


def _modes(tables: Iterable[Table]) -> Mapping[str, str]:
    modes: dict[str, str] = {}
    for table in tables:
        table.only("name", "mode")
        name = table.text("name")
        if name in modes:
            raise table.error(f"'name' in {table.where} is {name!r} twice", "give each ticket one entry")
        modes[name] = table.choice("mode", MODES)
    return modes
