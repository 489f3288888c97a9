"""The agent's configuration file, read and checked.

Rules of this file: what can be seen to be wrong without a look at the cluster or the network is an error here, that names
file and key. docs/reference/configuration.md lists all keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.config.access import read_access
from qmfagent.config.booth import read_booth
from qmfagent.config.broker import BrokerConfig, read_broker
from qmfagent.config.drill import read_drills
from qmfagent.config.http import HttpConfig, read_http
from qmfagent.config.journal import JournalConfig, read_journal
from qmfagent.config.limits import USUAL, read_limits
from qmfagent.config.listen import Listen, read_listen
from qmfagent.config.peers import Peer, read_peers
from qmfagent.config.redaction import read_redaction
from qmfagent.config.replication import Replication, read_replication
from qmfagent.config.site import read_site
from qmfagent.config.table import Table
from qmfagent.config.tls import read_tls
from qmfagent.config.traces import TracesConfig, read_traces
from qmfagent.policy.access import Access
from qmfagent.policy.schedule import Schedule
from qmfagent.policy.secrets import DEFAULT_PATTERNS


@dataclass(frozen=True, slots=True)
class Config:
    """One agent's configuration. `site` is empty where the cluster's own name serves, `cib_file` None for a live cluster,
    `booth` None where every configuration in booth's own directory counts, `http` None where nothing is told over HTTP,
    `traces` None where no trace is told.

    With a `broker` the agent is there, and does not listen.
    """

    site: str = ""
    cib_file: Path | None = None
    booth: tuple[Path, ...] | None = None
    listen: Listen = field(default_factory=Listen)
    broker: BrokerConfig | None = None
    tls: TlsConfig | None = None
    peers: tuple[Peer, ...] = ()
    replication: Replication = field(default_factory=Replication)
    drills: Mapping[str, Schedule] = field(default_factory=dict)
    access: Access = field(default_factory=Access)
    secret_names: tuple[str, ...] = DEFAULT_PATTERNS
    journal: JournalConfig = field(default_factory=JournalConfig)
    limits: Limits = USUAL
    http: HttpConfig | None = None
    traces: TracesConfig | None = None

    @property
    def heartbeat(self) -> int:
        """How often the agent tells that it is there, in seconds."""
        return self.broker.heartbeat if self.broker else self.listen.heartbeat

    @property
    def publish_interval(self) -> int:
        """How often the agent tells what has changed, in seconds."""
        return self.broker.publish_interval if self.broker else self.listen.publish_interval


def read_config(path: Path) -> Config:
    """Read a configuration file. Raises ConfigError."""
    file = Table.read(path)
    sections = (
        "cib",
        "booth",
        "listen",
        "broker",
        "tls",
        "peer",
        "replication",
        "ticket",
        "drill",
        "access",
        "redaction",
        "journal",
        "limits",
        "http",
        "traces",
    )
    file.only("site", *sections)
    cib = file.table("cib")
    cib.only("file")
    tls = read_tls(file.table("tls"), client="broker" in file) if "tls" in file else None
    site = read_site(file) if "site" in file else ""
    if "listen" in file and "broker" in file:
        raise file.error(
            "[listen] and [broker] exclude each other", "an agent listens, or is at a broker: leave one out"
        )
    broker = read_broker(file.table("broker"), tls) if "broker" in file else None
    return Config(
        site=site,
        cib_file=cib.optional_path("file"),
        booth=read_booth(file.table("booth")),
        listen=read_listen(file.table("listen"), tls) if broker is None else Listen(),
        broker=broker,
        tls=tls,
        peers=read_peers(file.tables("peer"), site, tls, broker),
        replication=read_replication(file.table("replication"), file.tables("ticket")),
        drills=read_drills(file.tables("drill")),
        access=read_access(file.tables("access")),
        secret_names=read_redaction(file.table("redaction")),
        journal=read_journal(file.table("journal")),
        limits=read_limits(file.table("limits")),
        http=read_http(file.table("http"), tls) if "http" in file else None,
        traces=read_traces(file.table("traces")) if "traces" in file else None,
    )
