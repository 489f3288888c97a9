"""`[booth]`: the configurations of booth at this site."""

from __future__ import annotations

from pathlib import Path

from qmfagent.config.table import Table


def read_booth(table: Table) -> tuple[Path, ...] | None:
    """The files, in their order; None where none is named and all of booth's own directory count. Raises ConfigError."""
    table.only("config")
    if "config" not in table:
        return None
    return tuple(table.file.parent / text for text in table.text_or_texts("config"))
