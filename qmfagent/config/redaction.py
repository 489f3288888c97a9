"""`[redaction]`: which names are those of secrets."""

from __future__ import annotations

from qmfagent.config.table import Table
from qmfagent.policy.secrets import DEFAULT_PATTERNS


def read_redaction(table: Table) -> tuple[str, ...]:
    """Read the section: the patterns of names of secrets, those that always count and the file's. Raises ConfigError."""
    table.only("patterns")
    return (*DEFAULT_PATTERNS, *table.texts("patterns"))
