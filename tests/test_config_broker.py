"""The section [broker] of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.config import BrokerConfig, Config, Peer, read_config
from qmfagent.errors import ConfigError

URL = "amqps://broker.example.com"
TLS = '[tls]\nca = "ca.pem"\n'
USER = 'user = "paris"\npassword_file = "password"\n'
BROKER = f'{TLS}[broker]\nurl = "{URL}"\n'


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Config]:
    def read(text: str) -> Config:
        path = tmp_path / "agent.toml"
        path.write_text(text)
        return read_config(path)

    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("secret\n")
    return read


def test_every_key(read: Callable[[str], Config], tmp_path: Path) -> None:
    more = 'certificate_name = "b"\ndialect = "qpidd"\nverified_user_ids = true\nheartbeat = 3\npublish_interval = 4\n'
    config = read(f'{BROKER}{USER}{more}[[peer]]\nsite = "lyon"\n')
    tls = TlsConfig(None, None, tmp_path / "ca.pem", "b")
    assert config.broker == BrokerConfig(URL, tls, Credentials("paris", "secret"), "paris", "qpidd", True, 3, 4)
    assert config.peers == (Peer("lyon", URL),)
    assert (config.heartbeat, config.publish_interval) == (3, 4)


def test_one_line_of_difference(read: Callable[[str], Config]) -> None:
    listening, at_broker = (read(f'[{kind}]\nurl = "amqp://127.0.0.1"\n') for kind in ("listen", "broker"))
    assert listening.broker is None
    assert at_broker.broker == BrokerConfig("amqp://127.0.0.1")
    assert (listening.heartbeat, listening.publish_interval) == (at_broker.heartbeat, at_broker.publish_interval)


def test_a_certificate_is_another_way_to_log_in(read: Callable[[str], Config]) -> None:
    broker = read(f'[tls]\nca = "c"\ncertificate = "a"\nkey = "b"\n[broker]\nurl = "{URL}"\n').broker
    assert broker is not None
    assert (broker.credentials, broker.user) == (None, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[broker]\n", "[broker] has no 'url'"),
        (f"{BROKER}{USER}[listen]\n", "[listen] and [broker] exclude each other"),
        (f"{BROKER}port = 1\n", "unknown key 'port' in [broker]"),
        (BROKER, "there is nothing to log in with"),
        (f'{BROKER}password_file = "password"\n', "has a 'password_file' and no 'user'"),
        (f'{BROKER}user = "paris"\npassword_file = "none"\n', "none: No such file"),
        (f'{BROKER}{USER}dialect = "kafka"\n', "[broker]: there is no dialect 'kafka'"),
        ('[broker]\nurl = "amqps://x"\n', "needs TLS"),
        (f'[broker]\nurl = "amqp://broker.example.com"\n{USER}', "the password of user 'paris' would go unencrypted"),
        ('[broker]\nurl = "amqp://localhost"\ncertificate_name = "x"\n', "'certificate_name' in [broker] is of no use"),
        (f"{TLS}[listen]\n", "[tls] has no 'certificate'"),
        ('[[peer]]\nsite = "lyon"\n', "[[peer]] has no 'url'"),
    ],
)
def test_what_can_not_be_is_named(read: Callable[[str], Config], text: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(text)
    assert words in str(raised.value)
    assert "secret" not in str(raised.value)
