"""Profiles: what a console needs to know of a set of sites, kept in a file under a name.

    default = "prod"

    [profile.prod]
    urls = ["amqps://paris.example", "amqps://lyon.example"]
    ca = "prod-ca.pem"
    user = "alice@qmfagent"
    password_keyring = true

Rules of this file: the file holds no secret, only where secrets are. Every key is known or an error that names file and key.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from consoles.asynchronous import TIMEOUT
from consoles.nearest import suggestion
from qmfagent.config.table import Table
from qmfagent.errors import ConfigError

_KEYS = ("urls", "certificate", "key", "ca", "user", "password_file", "password_keyring", "peer_name", "timeout")


@dataclass(frozen=True, slots=True)
class Profile:
    """What the options of the command are where they are not given; they have the same names. `timeout` is in seconds.

    `password_keyring`: the password is in the keyring, stored for this profile's name.
    """

    name: str = ""
    urls: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    user: str | None = None
    password_file: Path | None = None
    password_keyring: bool = False
    peer_name: str = ""
    timeout: float = TIMEOUT


def default_file() -> Path:
    """Where profiles are, by the XDG Base Directory Specification."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".config") / "qmfagent" / "config.toml"


def read_profile(file: Path | None, name: str | None) -> Profile:
    """The profile of that name in a file, of its default one without a name, an empty one where it has no default.

    Without a file it is the default file, which need not be there unless a profile is named. Raises ConfigError.
    """
    if file is None and not default_file().exists():
        if not name:
            return Profile()
        raise ConfigError(
            f"there is no profile {name!r}, since there is no file {default_file()}",
            hint=f'write [profile.{name}] into it, and below that: urls = ["amqps://HOST"]',
        )
    content = _read(file or default_file())
    name = name or content.text("default", "")
    if not name:
        return Profile()
    profiles = content.table("profile")
    if name not in profiles:
        raise content.error(f"there is no profile {name!r}", suggestion(name, profiles.names(), "known"))
    return _profile(name, profiles.table(name))


def profile_names(file: Path | None) -> list[str]:
    """The names of the profiles in a file, or the default file. Raises ConfigError."""
    return _read(file or default_file()).table("profile").names()


def _read(file: Path) -> Table:
    content = Table.read(file)
    if stat.S_IMODE(file.stat().st_mode) & stat.S_IWOTH:
        raise ConfigError(f"{file}: others may write it, and it says whom to trust", hint=f"chmod o-w {file}")
    content.only("default", "profile")
    return content


def _profile(name: str, table: Table) -> Profile:
    if "password" in table:
        raise table.error(
            f"{table.where} has a password, and this file is no place for one",
            "name a password_file, or say password_keyring = true and run: qmfconsole login",
        )
    table.only(*_KEYS)
    profile = Profile(
        name,
        urls=tuple(table.text_or_texts("urls")),
        certificate=table.optional_path("certificate"),
        key=table.optional_path("key"),
        ca=table.optional_path("ca"),
        user=table.text("user") if "user" in table else None,
        password_file=table.optional_path("password_file"),
        password_keyring=table.flag("password_keyring", False),
        peer_name=table.text("peer_name", ""),
        timeout=table.seconds("timeout", round(TIMEOUT)),
    )
    if profile.password_keyring and (profile.password_file is not None or profile.user is None):
        raise table.wrong("password_keyring", "it needs a user, and no password_file beside it")
    return profile
