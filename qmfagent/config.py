"""The agent's configuration file, read and checked.

Rules of this file: it is TOML; every key is known or an error that names file and key; relative paths are relative to the
file. docs/reference/configuration.md lists all keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qmfagent.bus.tls import TlsConfig
from qmfagent.errors import ConfigError
from qmfagent.policy.access import Access
from qmfagent.replication.subscriber import AUTOMATIC, MANUAL

# The keys of [[peer]] and their defaults; None where the key is required.
_PEER = {"site": None, "url": None, "certificate_name": ""}

DEFAULT_LISTEN = "amqp://127.0.0.1:5672"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another site's agent: the site's name and the bus address its agent listens at.

    `certificate_name` is the name its certificate must bear where that is not the URL's host, as for an IP address.
    """

    site: str
    url: str
    certificate_name: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """One agent's configuration. `site` is empty where the cluster's own name serves, `cib_file` None for a live cluster."""

    site: str = ""
    cib_file: Path | None = None
    listen: str = DEFAULT_LISTEN
    heartbeat: int = 10
    tls: TlsConfig | None = None
    peers: tuple[Peer, ...] = ()
    site_file: Path | None = None
    mode: str = MANUAL
    modes: Mapping[str, str] = field(default_factory=dict)
    access: Access = field(default_factory=Access)

    def ticket_mode(self, ticket: str) -> str:
        """How publications of a ticket are applied here: automatic or manual."""
        return self.modes.get(ticket, self.mode)


def read_config(path: Path) -> Config:
    """Read a configuration file. Raises ConfigError."""
    try:
        content = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="check its name and permissions") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: no valid TOML: {error}") from None
    return _Reader(path).config(content)


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path

    def config(self, content: Mapping[str, Any]) -> Config:
        self._known(content, "", {"site", "cib", "listen", "tls", "peer", "replication", "ticket", "access"})
        cib = self._table(content, "cib", {"file"})
        listen = self._table(content, "listen", {"url", "heartbeat"})
        replication = self._table(content, "replication", {"mode", "site_file"})
        access = self._table(content, "access", {"write"})
        peers = tuple(
            Peer(*(self._text(entry, key, "[[peer]]", default) for key, default in _PEER.items()))
            for entry in self._tables(content, "peer", _PEER.keys())
        )
        tickets = self._tables(content, "ticket", {"name", "mode"})
        return Config(
            site=self._text(content, "site", "the file", ""),
            cib_file=self._path_of(cib, "file", "[cib]"),
            listen=self._text(listen, "url", "[listen]", DEFAULT_LISTEN),
            heartbeat=self._seconds(listen, "heartbeat", "[listen]", 10),
            tls=self._tls(content),
            peers=peers,
            site_file=self._path_of(replication, "site_file", "[replication]"),
            mode=self._mode(replication, "[replication]", MANUAL),
            modes={self._text(t, "name", "[[ticket]]"): self._mode(t, "[[ticket]]", MANUAL) for t in tickets},
            access=Access(frozenset(self._texts(access, "write", "[access]"))),
        )

    def _tls(self, content: Mapping[str, Any]) -> TlsConfig | None:
        if "tls" not in content:
            return None
        table = self._table(content, "tls", {"certificate", "key", "ca"})
        certificate, key, ca = (
            self._path.parent / self._text(table, name, "[tls]") for name in ("certificate", "key", "ca")
        )
        return TlsConfig(certificate, key, ca)

    def _mode(self, table: Mapping[str, Any], where: str, default: str) -> str:
        mode = self._text(table, "mode", where, default)
        if mode not in (AUTOMATIC, MANUAL):
            raise self._error(f"'mode' in {where} is {mode!r}", f"it is {MANUAL!r} or {AUTOMATIC!r}")
        return mode

    def _seconds(self, table: Mapping[str, Any], key: str, where: str, default: int) -> int:
        value = table.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 3600:
            raise self._error(f"{key!r} in {where} is {value!r}", "it is a number of seconds from 1 to 3600")
        return value

    def _path_of(self, table: Mapping[str, Any], key: str, where: str) -> Path | None:
        text = self._text(table, key, where, "")
        return self._path.parent / text if text else None

    def _text(self, table: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
        value = table.get(key, default)
        if value is None:
            raise self._error(f"{where} has no {key!r}", f'add {key} = "..."')
        if not isinstance(value, str):
            raise self._error(f"{key!r} in {where} is {value!r}, not a string", "put it in quotes")
        return value

    def _texts(self, table: Mapping[str, Any], key: str, where: str) -> list[str]:
        values = table.get(key, [])
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise self._error(f"{key!r} in {where} is {values!r}, not a list of strings", 'such as ["CN=siteb"]')
        return values

    def _table(self, content: Mapping[str, Any], key: str, known: Set[str]) -> Mapping[str, Any]:
        table = content.get(key, {})
        if not isinstance(table, dict):
            raise self._error(f"{key!r} is {table!r}, not a table", f"write [{key}] above its keys")
        self._known(table, f"[{key}]", known)
        return table

    def _tables(self, content: Mapping[str, Any], key: str, known: Set[str]) -> list[Mapping[str, Any]]:
        tables = content.get(key, [])
        if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
            raise self._error(f"{key!r} is not a list of tables", f"write [[{key}]] above the keys of each")
        for table in tables:
            self._known(table, f"[[{key}]]", known)
        return tables

    def _known(self, table: Mapping[str, Any], where: str, known: Set[str]) -> None:
        unknown = sorted(table.keys() - known)
        if unknown:
            raise self._error(
                f"unknown key {unknown[0]!r}" + (f" in {where}" if where else ""), f"known: {', '.join(sorted(known))}"
            )

    def _error(self, message: str, hint: str) -> ConfigError:
        return ConfigError(f"{self._path}: {message}", hint=hint)
