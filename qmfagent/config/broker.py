"""`[broker]`: the broker that the agent is reached at, where it does not listen itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from qmfagent.bus.dialects import named
from qmfagent.bus.security.credentials import Credentials, read_credentials
from qmfagent.bus.security.login import check_login
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.config.table import Table
from qmfagent.config.urls import read_url
from qmfagent.errors import ConfigError


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Where the broker is, and who the agent is there.

    `tls` are the certificates for it; `credentials` are what the agent logs in with, None where its certificate says who it
    is; `user` is who it then is, where that has to be said; `dialect` is empty where it is recognised; `verified_user_ids`
    says that the broker checks user-ids where that depends on how it is set up. The last two are as in `[listen]`, seconds.
    """

    url: str
    tls: TlsConfig | None = None
    credentials: Credentials | None = None
    user: str = ""
    dialect: str = ""
    verified_user_ids: bool = False
    heartbeat: int = 10
    publish_interval: int = 10


def read_broker(table: Table, tls: TlsConfig | None) -> BrokerConfig:
    """Read the section, and the password. Raises ConfigError."""
    table.only(
        "url",
        "certificate_name",
        "user",
        "password_file",
        "dialect",
        "verified_user_ids",
        "heartbeat",
        "publish_interval",
    )
    url = read_url(table, tls)
    if "certificate_name" in table:
        if tls is None:
            raise table.error(f"'certificate_name' in {table.where} is of no use", "the url is not amqps://")
        tls = replace(tls, peer_name=table.text("certificate_name"))
    user, password_file = table.text("user", ""), table.optional_path("password_file")
    if password_file is not None and not user:
        raise table.error(f"{table.where} has a 'password_file' and no 'user'", "name the user whose password it is")
    credentials = read_credentials(user, password_file) if password_file is not None else None
    dialect = table.text("dialect", "")
    try:
        check_login(BusUrl.parse(url), tls, credentials)
        if dialect:
            named(dialect)
    except ConfigError as error:
        raise table.error(f"{table.where}: {error.message}", error.hint) from None
    return BrokerConfig(
        url,
        tls,
        credentials,
        user,
        dialect,
        table.flag("verified_user_ids", False),
        table.seconds("heartbeat", 10),
        table.seconds("publish_interval", 10),
    )
