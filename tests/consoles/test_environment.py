"""Scripts connect by the same variables and profiles as the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from consoles.client import Settings, from_environment
from consoles.environment import _VARIABLES
from consoles.main import cli
from consoles.settings import DEFAULT_URL
from qmfagent.errors import ConfigError

PROFILES = """
default = "prod"
[profile.prod]
urls = ["amqps://paris.example", "amqps://lyon.example"]
ca = "/etc/ca.pem"
certificate = "/etc/me.pem"
key = "/etc/me.key"
timeout = 7
[profile.here]
urls = "amqp://127.0.0.1:5673"
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Settings]:
    """Settings from variables, without their prefix, and the file above."""
    file = tmp_path / "config.toml"
    file.write_text(PROFILES)

    def settings(profile: str | None = None, **variables: str) -> Settings:
        environment = {f"QMFCONSOLE_{name}": value for name, value in variables.items()}
        return from_environment(profile, environment={"QMFCONSOLE_CONFIG": str(file)} | environment)

    return settings


def test_the_variables_are_those_of_the_command() -> None:
    of_command = {option.name: option.envvar for option in cli.params if isinstance(option, click.Option)}
    assert {name: variable for name, (variable, _) in _VARIABLES.items()} | {
        "config": "QMFCONSOLE_CONFIG",
        "profile": "QMFCONSOLE_PROFILE",
    } == {name: variable for name, variable in of_command.items() if variable}


def test_without_anything_it_is_the_agent_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert from_environment(environment={"QMFCONSOLE_URL": ""}).urls == (DEFAULT_URL,)


def test_a_variable_counts_before_the_profile(read: Callable[..., Settings]) -> None:
    plain = read()
    assert (plain.urls, plain.timeout) == (("amqps://paris.example", "amqps://lyon.example"), 7)
    assert plain.tls is not None
    assert (plain.tls.certificate, plain.tls.ca) == (Path("/etc/me.pem"), Path("/etc/ca.pem"))
    given = read(URL="amqps://here amqps://there", TIMEOUT="2.5")
    assert (given.urls, given.timeout, given.tls) == (("amqps://here", "amqps://there"), 2.5, plain.tls)


def test_a_profile_is_named(read: Callable[..., Settings]) -> None:
    assert read("here") == read(PROFILE="here") == read("here", PROFILE="prod")
    assert read("here").urls == ("amqp://127.0.0.1:5673",)
    with pytest.raises(ConfigError, match="there is no profile 'heer'"):
        read("heer")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TIMEOUT": "soon"}, "QMFCONSOLE_TIMEOUT: 'soon' is no number"),
        ({"PROFILE": "here", "CERTIFICATE": "/etc/me.pem"}, "belong together.*QMFCONSOLE_CERTIFICATE"),
        ({"PROFILE": "here", "USER": "bob@qmfagent"}, "belong together.*QMFCONSOLE_USER"),
    ],
)
def test_what_can_not_be_used(read: Callable[..., Settings], variables: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(**variables)
