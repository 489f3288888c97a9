"""`[access]`: who may write."""

from __future__ import annotations

from qmfagent.config.table import Table
from qmfagent.policy.access import Access


def read_access(table: Table) -> Access:
    """Read the section. Raises ConfigError."""
    table.only("write")
    return Access(frozenset(table.texts("write")))
