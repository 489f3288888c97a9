"""The agent's configuration file, read and checked.

Rules of this file: it is TOML; every key is known or an error that names file and key; relative paths are relative to the
file. What can be seen to be wrong without a look at the cluster or the network is an error here, that names the key.
docs/reference/configuration.md lists all keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qmfagent.bus.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.errors import ConfigError
from qmfagent.policy.access import Access
from qmfagent.replication.subscriber import AUTOMATIC, MANUAL

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


def check_site_name(name: str, where: str) -> str:
    """The name, if it can name a site: it is part of the names of objects and agents. Raises ConfigError."""
    if not name or ":" in name or not name.isprintable() or name != name.strip():
        raise ConfigError(
            f"{where} is {name!r}", hint="a site's name has no colon, no control character, no blank at its ends"
        )
    return name


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
        tls = self._tls(content)
        site = self._site(content, "the file") if "site" in content else ""
        return Config(
            site=site,
            cib_file=self._path_of(cib, "file", "[cib]"),
            listen=self._url(listen, "[listen]", tls, DEFAULT_LISTEN),
            heartbeat=self._seconds(listen, "heartbeat", "[listen]", 10),
            tls=tls,
            peers=self._peers(content, site, tls),
            site_file=self._path_of(replication, "site_file", "[replication]"),
            mode=self._mode(replication, "[replication]", MANUAL),
            modes=self._modes(content),
            access=Access(frozenset(self._texts(access, "write", "[access]"))),
        )

    def _peers(self, content: Mapping[str, Any], site: str, tls: TlsConfig | None) -> tuple[Peer, ...]:
        peers: dict[str, Peer] = {}
        for table in self._tables(content, "peer", {"site", "url", "certificate_name"}):
            where = "[[peer]]"
            name = self._site(table, where)
            if name == site:
                raise self._error(f"'site' in {where} is this site, {name!r}", "list the other sites alone")
            if name in peers:
                raise self._error(f"'site' in {where} is {name!r} twice", "give each site one entry")
            url = self._url(table, where, tls)
            certificate_name = self._text(table, "certificate_name", where, "")
            if certificate_name and not BusUrl.parse(url).secure:
                raise self._error(f"'certificate_name' in {where} for {name!r} is of no use", "its url is not amqps://")
            peers[name] = Peer(name, url, certificate_name)
        return tuple(peers.values())

    def _modes(self, content: Mapping[str, Any]) -> Mapping[str, str]:
        modes: dict[str, str] = {}
        for table in self._tables(content, "ticket", {"name", "mode"}):
            name = self._text(table, "name", "[[ticket]]")
            if name in modes:
                raise self._error(f"'name' in [[ticket]] is {name!r} twice", "give each ticket one entry")
            modes[name] = self._mode(table, "[[ticket]]")
        return modes

    def _site(self, table: Mapping[str, Any], where: str) -> str:
        return check_site_name(self._text(table, "site", where), f"{self._path}: 'site' in {where}")

    def _url(self, table: Mapping[str, Any], where: str, tls: TlsConfig | None, default: str | None = None) -> str:
        text = self._text(table, "url", where, default)
        try:
            secure = BusUrl.parse(text).secure
        except ConfigError as error:
            raise self._error(f"'url' in {where}: {error.message}", error.hint) from None
        if secure and tls is None:
            raise self._error(
                f"'url' in {where} is {text!r}, which needs TLS", "add [tls] with certificate, key and ca"
            )
        if tls is not None and not secure:
            raise self._error(f"'url' in {where} is {text!r}, without TLS, although there is [tls]", "write amqps://")
        return text

    def _tls(self, content: Mapping[str, Any]) -> TlsConfig | None:
        if "tls" not in content:
            return None
        table = self._table(content, "tls", {"certificate", "key", "ca"})
        certificate, key, ca = (
            self._path.parent / self._text(table, name, "[tls]") for name in ("certificate", "key", "ca")
        )
        return TlsConfig(certificate, key, ca)

    def _mode(self, table: Mapping[str, Any], where: str, default: str | None = None) -> str:
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
        return self._path.parent / self._text(table, key, where) if key in table else None

    def _text(self, table: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
        if key not in table:
            if default is None:
                raise self._error(f"{where} has no {key!r}", f'add {key} = "..."')
            return default
        value = table[key]
        if not isinstance(value, str) or not value:
            raise self._error(f"{key!r} in {where} is {value!r}, not a text", "put some text in quotes")
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
