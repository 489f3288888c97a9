"""`[[peer]]`: the other sites."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from qmfagent.bus.security.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.config.broker import BrokerConfig
from qmfagent.config.site import read_site
from qmfagent.config.table import Table
from qmfagent.config.urls import read_url


@dataclass(frozen=True, slots=True)
class Peer:
    """Another site's agent: the site's name and the bus address its agent listens at, or of the broker that it is at.

    `certificate_name` is the name its certificate must bear where that is not the URL's host, as for an IP address;
    `verify_key` the file of the public key that its publications are verified with: without one it can't be followed.
    """

    site: str
    url: str
    certificate_name: str = ""
    verify_key: Path | None = None


def read_peers(
    tables: Iterable[Table], site: str, tls: TlsConfig | None, broker: BrokerConfig | None = None
) -> tuple[Peer, ...]:
    """Read the sections; `site` is this site's own name where the file gives one.

    A peer without URL is at the same `broker` as this site. Raises ConfigError.
    """
    peers: dict[str, Peer] = {}
    for table in tables:
        table.only("site", "url", "certificate_name", "verify_key")
        name = read_site(table)
        if name == site:
            raise table.error(f"'site' in {table.where} is this site, {name!r}", "list the other sites alone")
        if name in peers:
            raise table.error(f"'site' in {table.where} is {name!r} twice", "give each site one entry")
        url = read_url(table, tls, broker.url if broker else None)
        certificate_name = table.text("certificate_name", "")
        if certificate_name and not BusUrl.parse(url).secure:
            raise table.error(
                f"'certificate_name' in {table.where} for {name!r} is of no use", "its url is not amqps://"
            )
        peers[name] = Peer(name, url, certificate_name, table.optional_path("verify_key"))
    return tuple(peers.values())
