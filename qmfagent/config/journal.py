"""`[journal]`: where the events of this site are kept, and how many of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qmfagent.config.table import Table
from qmfagent.journal.store import MIB, Retention

IN_MEMORY = Retention(max_entries=10_000, max_bytes=8 * MIB)
"""What is kept where there is no file."""


@dataclass(frozen=True, slots=True)
class JournalConfig:
    """The journal's file, None for one in memory, which is a new one after every start; and what it keeps."""

    file: Path | None = None
    retention: Retention = IN_MEMORY


def read_journal(table: Table) -> JournalConfig:
    """Read the section. Raises ConfigError."""
    table.only("file", "max_entries", "max_mib")
    file = table.optional_path("file")
    usual = Retention() if file else IN_MEMORY
    entries = table.number("max_entries", usual.max_entries, 100, 100_000_000, "entries")
    size = table.number("max_mib", usual.max_bytes // MIB, 1, 100_000, "MiB")
    return JournalConfig(file, Retention(entries, size * MIB))
