"""booth's configuration: the tickets that it manages, and its sites.

Rules of this file: what booth would not read the same way is not read at all, since boothd says that better; nothing is
resolved, so a site that is named by a host name keeps the number that booth gives it. Files are read again when they change.
Source: boothd(8), "Configuration file"; booth 1.0, src/config.c (a site's number is the CRC-32 of its address, without the
sign bit; the name is that of the file).
"""

from __future__ import annotations

import ipaddress
import logging
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path("/etc/booth")
"""Where booth looks for its configurations."""

_LOG = logging.getLogger(__name__)
_DEFAULTS = "__defaults__"
# What ends a quoted value is the same quote; a value without quotes goes to the end of the line.
_LINE = re.compile(r"""\s*([\w-]+)\s*=\s*(?:"([^"]+)"\s*(?:\#.*)?|'([^']+)'\s*(?:\#.*)?|([^"'\s].*?))\s*""")


@dataclass(frozen=True, slots=True)
class BoothConfig:
    """One configuration of booth. `sites` has the addresses of sites by the numbers that a ticket's `owner` has, `tickets`
    whether each is manual."""

    name: str
    path: Path
    sites: Mapping[str, str]
    tickets: Mapping[str, bool]


def parse(text: str, path: Path) -> BoothConfig:
    """What a file of that content says. Lines that booth would not accept say nothing."""
    name, sites, tickets, current, manual = path.stem, {}, {}, _DEFAULTS, False
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        key, value = found[1], next(group for group in found.groups()[1:] if group)
        if key == "name":
            name = value
        elif key == "site":
            sites[_number(value)] = value
        elif key == "ticket":
            current = value
            if current != _DEFAULTS:
                tickets[current] = manual
        elif key == "mode" and current == _DEFAULTS:
            manual = value.lower() == "manual"
        elif key == "mode":
            tickets[current] = value.lower() == "manual"
    return BoothConfig(name, path, sites, tickets)


class BoothConfigs:
    """The configurations of booth at this site, as its files have them now."""

    def __init__(self, files: Sequence[Path] | None) -> None:
        """`files` are the configurations; None for every one in booth's own directory."""
        self._files = files
        self._read: dict[Path, tuple[int, BoothConfig]] = {}
        self._faults: dict[Path, str] = {}

    def of(self, ticket: str) -> BoothConfig | None:
        """The configuration that has a ticket of that name; None where none has."""
        return next((config for config in self._current() if ticket in config.tickets), None)

    def _current(self) -> list[BoothConfig]:
        files = sorted(DIRECTORY.glob("*.conf")) if self._files is None else self._files
        return [config for path in files if (config := self._config(path))]

    def _config(self, path: Path) -> BoothConfig | None:
        try:
            changed = path.stat().st_mtime_ns
            known = self._read.get(path)
            if known is None or known[0] != changed:
                known = self._read[path] = changed, parse(path.read_text(errors="replace"), path)
        except OSError as error:
            if self._faults.get(path) != error.strerror:
                _LOG.warning("booth's configuration %s can't be read: %s", path, error.strerror)
                self._faults[path] = str(error.strerror)
            return None
        self._faults.pop(path, None)
        return known[1]


NO_BOOTH = BoothConfigs(())
"""Where booth manages nothing."""


def _number(address: str) -> str:
    """The number of a site, as `owner` of a ticket_state has it; the address itself where that is no IP address."""
    try:
        return str(zlib.crc32(ipaddress.ip_address(address).packed) & 0x7FFFFFFF)
    except ValueError:
        return address
