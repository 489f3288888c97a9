"""The name of a site."""

from __future__ import annotations

from qmfagent.config.table import Table
from qmfagent.errors import ConfigError


def check_site_name(name: str, where: str) -> str:
    """The name, if it can name a site: it is part of the names of objects and agents. Raises ConfigError."""
    if not name or ":" in name or not name.isprintable() or name != name.strip():
        raise ConfigError(
            f"{where} is {name!r}", hint="a site's name has no colon, no control character, no blank at its ends"
        )
    return name


def read_site(table: Table) -> str:
    """The `site` of a table. Raises ConfigError."""
    return check_site_name(table.text("site"), f"{table.file}: 'site' in {table.where or 'the file'}")
