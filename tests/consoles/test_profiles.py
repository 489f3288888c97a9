"""Profiles: what the command takes from a file where neither options nor the environment say it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from tests.certificates import CertificateAuthority

DEAD = "amqp://127.0.0.1:1"


@pytest.fixture
def profiles(tmp_path: Path) -> Callable[[str], Path]:
    """Writes the file where profiles are looked for."""

    def write(content: str) -> Path:
        file = tmp_path / "xdg" / "qmfagent" / "config.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(0o644)
        return file

    return write


class MemoryKeyring(KeyringBackend):
    """A keyring that forgets."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.passwords:
            raise PasswordDeleteError
        del self.passwords[service, username]


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    before, memory = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


async def test_options_count_before_the_environment_and_that_before_a_profile(
    sites: Any, qmfconsole: Any, profiles: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles(f'default = "a"\n[profile.a]\nurls = ["{sites[0].url}"]\n[profile.b]\nurls = "{sites[1].url}"\n')

    async def seen(*arguments: str) -> list[str]:
        return [site["site"] for site in (await qmfconsole(*arguments, "sites", "--json")).json["sites"]]

    assert await seen() == ["sitea"]
    assert await seen("--profile", "b") == ["siteb"]
    monkeypatch.setenv("QMFCONSOLE_PROFILE", "b")
    assert await seen() == ["siteb"]
    monkeypatch.setenv("QMFCONSOLE_URL", sites[0].url)
    assert await seen() == ["sitea"]
    assert await seen("--url", sites[1].url) == ["siteb"]


async def test_a_profile_without_any_file_says_what_to_write(qmfconsole: Any) -> None:
    outcome = await qmfconsole("--profile", "prod", "sites")
    assert (outcome.status, "write [profile.prod] into it" in outcome.err) == (1, True)


async def test_another_file_may_be_named(siteb: Any, qmfconsole: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'[profile.b]\nurls = ["{siteb.url}"]\n')
    assert (await qmfconsole("--config", str(file), "--profile", "b", "sites")).status == 0
    outcome = await qmfconsole("--config", str(tmp_path / "none.toml"), "sites")
    assert (outcome.status, "none.toml" in outcome.err) == (1, True)


async def test_certificates_lie_beside_the_file(
    make_site: Callable[..., Any], qmfconsole: Any, tmp_path: Path, profiles: Callable[[str], Path]
) -> None:
    authority = CertificateAuthority(tmp_path, "ca")
    site = await make_site("sitea", tls=authority.issue("sitea", host="sitea.example"))
    ours = authority.issue("operator")
    keys = "".join(f'{name} = "../../{getattr(ours, name).name}"\n' for name in ("certificate", "key", "ca"))
    profiles(f'default = "a"\n[profile.a]\nurls = ["{site.url}"]\npeer_name = "sitea.example"\ntimeout = 5\n{keys}')
    outcome = await qmfconsole("sites")
    assert (outcome.status, outcome.err) == (0, "")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('default = "prot"\n[profile.prod]\n', "there is no profile 'prot'; did you mean 'prod'?"),
        ('default = "x"\n[profile.prod]\n', "there is no profile 'x'; known: prod"),
        ('defaults = "x"\n', "unknown key 'defaults'"),
        ('default = "a"\n[profile.a]\nurl = "amqp://here"\n', "unknown key 'url' in [profile.a]"),
        ('default = "a"\n[profile.a]\npassword = "geheim"\n', "this file is no place for one"),
        ('default = "a"\n[profile.a]\nurls = [5]\n', "'urls' in [profile.a]"),
        ('default = "a"\n[profile.a]\npassword_keyring = true\n', "it needs a user"),
        ("default = ", "no valid TOML"),
    ],
)
async def test_what_is_wrong_in_the_file_is_told_by_file_and_key(
    qmfconsole: Any, profiles: Callable[[str], Path], content: str, says: str
) -> None:
    file = profiles(content)
    outcome = await qmfconsole("sites")
    assert outcome.status == 1
    assert outcome.err.startswith(f"qmfconsole: {file}: ")
    assert says in outcome.err
    assert "geheim" not in outcome.err


async def test_a_file_that_anybody_may_write_is_not_believed(qmfconsole: Any, profiles: Callable[[str], Path]) -> None:
    file = profiles('default = "a"\n[profile.a]\n')
    file.chmod(0o666)
    assert f"chmod o-w {file}" in (await qmfconsole("sites")).err


KEYRING = f'default = "a"\n[profile.a]\nurls = ["{DEAD}"]\nuser = "bob@qmfagent"\npassword_keyring = true\n'


async def test_a_password_is_kept_in_the_keyring(
    siteb: Any,
    qmfconsole: Any,
    profiles: Callable[[str], Path],
    memory_keyring: MemoryKeyring,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    profiles(KEYRING)
    outcome = await qmfconsole("sites")
    assert (outcome.status, "qmfconsole --profile a login" in outcome.err) == (1, True)
    typed = tmp_path / "typed"
    typed.write_text("open sesame\n")
    with typed.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        outcome = await qmfconsole("login", "--json")
    assert outcome.json == {"profile": "a", "user": "bob@qmfagent"}
    assert memory_keyring.passwords == {("qmfconsole:a", "bob@qmfagent"): "open sesame"}
    assert (
        "(ours: SCRAM-SHA-256 PLAIN)" in (await qmfconsole("sites", at=[siteb])).err
    )  # it would log in, were it asked to
    assert "removed" in (await qmfconsole("logout")).out
    assert "not in" in (await qmfconsole("logout")).out
    assert memory_keyring.passwords == {}


async def test_without_the_library_it_says_what_to_install(
    qmfconsole: Any, profiles: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles(KEYRING)
    monkeypatch.setitem(sys.modules, "keyring", None)
    for command in ("sites", "login"):
        outcome = await qmfconsole(command)
        assert (outcome.status, "install qmfagent[keyring]" in outcome.err) == (1, True)


async def test_login_is_for_profiles_with_a_keyring(qmfconsole: Any) -> None:
    outcome = await qmfconsole("login")
    assert (outcome.status, "password_keyring = true" in outcome.err) == (64, True)
