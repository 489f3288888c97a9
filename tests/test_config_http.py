"""The configuration of what is told over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmfagent.config import read_config
from qmfagent.config.http import HttpConfig
from qmfagent.errors import ConfigError

TLS = '[tls]\ncertificate = "a.pem"\nkey = "a.key"\nca = "ca.pem"\n'
LISTEN = '[listen]\nurl = "amqps://127.0.0.1:5671"\n'


def written(folder: Path, text: str) -> Path:
    """A configuration file of that text."""
    path = folder / "agent.toml"
    path.write_text(text)
    return path


def test_nothing_is_told_without_the_section(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, "")).http is None


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://127.0.0.1:9464", "127.0.0.1", 9464),
        ("http://127.0.0.2:1/", "127.0.0.2", 1),
        ("http://[::1]:80", "::1", 80),
    ],
)
def test_plain_http_on_loopback(url: str, host: str, port: int, tmp_path: Path) -> None:
    found = read_config(written(tmp_path, f'[http]\nurl = "{url}"\n')).http
    assert found == HttpConfig(host, port)
    assert found.url == url.removesuffix("/")


def test_https_takes_the_certificates_of_the_agent(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, LISTEN + TLS + '[http]\nurl = "https://0.0.0.0:9464"\n'))
    assert config.http == HttpConfig("0.0.0.0", 9464, config.tls)
    assert config.http.url == "https://0.0.0.0:9464"


def test_plain_http_on_loopback_goes_with_certificates_for_the_bus(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, LISTEN + TLS + '[http]\nurl = "http://127.0.0.1:9464"\n'))
    assert config.http == HttpConfig()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[http]", ["[http] has no 'url'"]),
        ("[http]\nurl = 'http://127.0.0.1:9464'\npath = '/m'", ["'path' in [http]"]),
        ("[http]\nurl = 'http://0.0.0.0:9464'", ["'url' in [http]", "whole network", "https://"]),
        ("[http]\nurl = 'http://localhost:9464'", ["'url' in [http]", "127.0.0.1"]),
        ("[http]\nurl = 'https://0.0.0.0:9464'", ["needs a certificate", "add [tls]"]),
        ("[http]\nurl = '127.0.0.1:9464'", ["'url' in [http]", "write http://127.0.0.1:9464"]),
        ("[http]\nurl = 'amqp://127.0.0.1:9464'", ["write http://"]),
        ("[http]\nurl = 'http://127.0.0.1'", ["write http://"]),
        ("[http]\nurl = 'http://127.0.0.1:none'", ["no URL"]),
        ("[http]\nurl = 'http://me:secret@127.0.0.1:9464'", ["write http://"]),
        ("[http]\nurl = 'http://127.0.0.1:9464/metrics'", ["the paths below it are fixed"]),
    ],
)
def test_errors_name_the_key(text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(written(tmp_path, text))
    assert all(word in str(caught.value) for word in words), str(caught.value)
