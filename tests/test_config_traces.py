"""The configuration of traces."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmfagent.config import read_config
from qmfagent.config.traces import TracesConfig
from qmfagent.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    """A configuration file of that text."""
    path = folder / "agent.toml"
    path.write_text(text)
    return path


def test_nothing_is_told_without_the_section(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, "")).traces is None


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("http://[::1]:4318/", "http://[::1]:4318/v1/traces"),
        ("https://otel.example.com/paris/", "https://otel.example.com/paris/v1/traces"),
    ],
)
def test_the_path_of_traces_is_added(url: str, endpoint: str, tmp_path: Path) -> None:
    found = read_config(written(tmp_path, f'[traces]\nurl = "{url}"\n')).traces
    assert found == TracesConfig(url)
    assert found.endpoint == endpoint


def test_every_key(tmp_path: Path) -> None:
    text = '[traces]\nurl = "https://otel.example.com:4318"\nsample = 0.25\nca = "ca.pem"\n'
    found = read_config(written(tmp_path, text)).traces
    assert found == TracesConfig("https://otel.example.com:4318", 0.25, tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["[traces] has no 'url'"]),
        ("url = 'http://127.0.0.1:4318'\nheader = 'x'", ["'header' in [traces]"]),
        ("url = 'http://otel.example.com:4318'", ["'url' in [traces]", "whole network", "https://"]),
        ("url = 'http://localhost:4318'", ["'url' in [traces]", "127.0.0.1"]),
        ("url = 'grpc://127.0.0.1:4317'", ["'url' in [traces]", "http://127.0.0.1:4318"]),
        ("url = 'https://x:y'", ["'url' in [traces]", "no URL"]),
        ("url = 'https://u:p@x'", ["'url' in [traces]", "OTEL_EXPORTER_OTLP_HEADERS"]),
        ("url = 'https://x?token=y'", ["'url' in [traces]", "OTEL_EXPORTER_OTLP_HEADERS"]),
        ("url = 'https://x/v1/traces'", ["'url' in [traces]", "it is added"]),
        ("url = 'http://127.0.0.1:4318'\nca = 'ca.pem'", ["'ca' in [traces]", "https://"]),
        ("url = 'http://127.0.0.1:4318'\nsample = 2", ["'sample' in [traces]", "0 to 1"]),
        ("url = 'http://127.0.0.1:4318'\nsample = true", ["'sample' in [traces]", "0 to 1"]),
    ],
)
def test_what_is_wrong_is_named(text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(written(tmp_path, f"[traces]\n{text}\n"))
    for word in words:
        assert word in str(caught.value)
