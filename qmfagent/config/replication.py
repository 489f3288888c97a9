"""`[replication]` and `[[ticket]]`: how publications of other sites are taken here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qmfagent.config.table import Table
from qmfagent.policy.agents import AllowList, split_pattern
from qmfagent.replication.subscriber import AUTOMATIC, MANUAL

MODES = (MANUAL, AUTOMATIC)


@dataclass(frozen=True, slots=True)
class Replication:
    """The mode of tickets, `modes` for single ones, the file of this site's own values, the resource agents that are taken
    from other sites, and the private key that this site's publications are signed with."""

    mode: str = MANUAL
    modes: Mapping[str, str] = field(default_factory=dict)
    site_file: Path | None = None
    agents: AllowList = field(default_factory=AllowList)
    signing_key: Path | None = None

    def mode_of(self, ticket: str) -> str:
        """How publications of a ticket are applied here: automatic or manual."""
        return self.modes.get(ticket, self.mode)


def read_replication(table: Table, tickets: Iterable[Table]) -> Replication:
    """Read the sections. Raises ConfigError."""
    table.only("mode", "site_file", "agents", "signing_key")
    mode = table.choice("mode", MODES, MANUAL)
    return Replication(
        mode=mode,
        modes=_modes(tickets),
        site_file=table.optional_path("site_file"),
        agents=_agents(table),
        signing_key=table.optional_path("signing_key"),
    )


def _agents(table: Table) -> AllowList:
    patterns = []
    for text in table.texts("agents"):
        try:
            patterns.append(split_pattern(text))
        except ValueError as error:
            raise table.error(
                f"'agents' in {table.where} has {text!r}, which is no pattern of agents", str(error)
            ) from None
    return AllowList(tuple(patterns))


def _modes(tables: Iterable[Table]) -> Mapping[str, str]:
    modes: dict[str, str] = {}
    for table in tables:
        table.only("name", "mode")
        name = table.text("name")
        if name in modes:
            raise table.error(f"'name' in {table.where} is {name!r} twice", "give each ticket one entry")
        modes[name] = table.choice("mode", MODES)
    return modes
