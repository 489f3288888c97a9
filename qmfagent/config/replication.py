"""`[replication]` and `[[ticket]]`: how publications of other sites are taken here.

Rules of this file: what stands in a `[[ticket]]` counts for that ticket, in place of what `[replication]` has; what can't
have an effect, such as windows where nothing is applied by itself, is an error where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qmfagent.config.schedule import read_schedule, read_windows
from qmfagent.config.table import Table
from qmfagent.policy.agents import AllowList, split_pattern
from qmfagent.policy.modes import DRIFT_POLICIES, MANUAL, MODES, PERIODIC, TicketPolicy

_POLICY = ("mode", "schedule", "windows", "drift")


@dataclass(frozen=True, slots=True)
class Replication:
    """How tickets are followed, `tickets` for single ones; the file of this site's own values, the resource agents that are
    taken from other sites, and the private key that this site's publications are signed with. `xslt` are steps in place of
    those that the site file lists; they come from the command line."""

    policy: TicketPolicy = field(default_factory=TicketPolicy)
    tickets: Mapping[str, TicketPolicy] = field(default_factory=dict)
    site_file: Path | None = None
    agents: AllowList = field(default_factory=AllowList)
    signing_key: Path | None = None
    xslt: tuple[Path, ...] = ()

    def policy_of(self, ticket: str) -> TicketPolicy:
        """How a ticket is followed here."""
        return self.tickets.get(ticket, self.policy)


def read_replication(table: Table, tickets: Iterable[Table]) -> Replication:
    """Read the sections. Raises ConfigError."""
    table.only(*_POLICY, "site_file", "agents", "signing_key")
    policy = _policy(table, TicketPolicy())
    return Replication(
        policy=policy,
        tickets=_tickets(tickets, policy),
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


def _tickets(tables: Iterable[Table], usual: TicketPolicy) -> Mapping[str, TicketPolicy]:
    policies: dict[str, TicketPolicy] = {}
    for table in tables:
        table.only("name", *_POLICY)
        name = table.text("name")
        if name in policies:
            raise table.error(f"'name' in {table.where} is {name!r} twice", "give each ticket one entry")
        if not any(key in table for key in _POLICY):
            raise table.error(f"{table.where} says nothing of {name!r}", f"add one of {', '.join(_POLICY)}")
        policies[name] = _policy(table, usual)
    return policies


def _policy(table: Table, usual: TicketPolicy) -> TicketPolicy:
    """What a table says, and what is usual where it says nothing."""
    mode = table.choice("mode", MODES, usual.mode)
    schedule = read_schedule(table, "schedule") if "schedule" in table else usual.schedule
    windows = read_windows(table, "windows") if "windows" in table else usual.windows
    if mode != PERIODIC and "schedule" in table:
        raise table.wrong("schedule", f'add mode = "{PERIODIC}", or leave it out', f", and the mode is {mode!r}")
    if mode == PERIODIC and schedule is None:
        raise table.error(f"{table.where} has no 'schedule'", 'say when, such as schedule = "0 2 * * *"')
    if mode == MANUAL and "windows" in table:
        raise table.error(
            f"'windows' in {table.where} can have no effect: in mode {MANUAL!r} nothing is applied by itself",
            "set another mode, or leave them out",
        )
    return TicketPolicy(
        mode,
        schedule if mode == PERIODIC else None,
        windows if mode != MANUAL else (),
        table.choice("drift", DRIFT_POLICIES, usual.drift),
    )
