"""Where a command connects, and as whom: by its options, the environment, and a profile, in this order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from consoles.asynchronous import AsyncConsole
from consoles.passwords import stored_credentials
from consoles.profiles import Profile, read_profile
from consoles.synchronous import Console
from consoles.values import Object
from qmfagent.bus.security.credentials import Credentials, read_credentials
from qmfagent.bus.security.tls import TlsConfig

DEFAULT_URL = "amqp://127.0.0.1:5672"
USERS_COME = "web"
"""The command whose users may log in themselves."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options: bus URLs, certificates and credentials where given, and the timeout in seconds.

    `on_problem` is called with what went wrong at one of several sites, in words.
    """

    urls: tuple[str, ...]
    tls: TlsConfig | None
    credentials: Credentials | None
    timeout: float
    on_problem: Callable[[str], None]

    def console(self) -> Console:
        """A console that is not connected yet. Raises ConfigError for what can't be used."""
        return Console(
            self.urls, self.tls, credentials=self.credentials, timeout=self.timeout, on_problem=self.on_problem
        )

    def async_console(self, on_replica: Callable[[Object], None] | None = None) -> AsyncConsole:
        """The same for asyncio; `on_replica` is called with each Replica object that has changed."""
        return AsyncConsole(
            self.urls,
            self.tls,
            credentials=self.credentials,
            timeout=self.timeout,
            on_problem=self.on_problem,
            on_replica=on_replica,
        )


def profile_of(context: click.Context) -> Profile:
    """The profile that the command is run with. Raises ConfigError."""
    given = _connecting(context).params
    return read_profile(given["config"], given["profile"])


def settings_of(context: click.Context, on_problem: Callable[[str], None]) -> Settings:
    """What the command is run with. Raises UsageError for options that do not go together, ConfigError."""
    root, sources = _connecting(context), (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    given = {name: value for name, value in root.params.items() if root.get_parameter_source(name) in sources}
    return choose(given, profile_of(context), on_problem, users_come=root.invoked_subcommand == USERS_COME)


def _connecting(context: click.Context) -> click.Context:
    """The command that has the options which say where to connect: this one, or the one that it belongs to."""
    while context.parent is not None and "urls" not in context.params:
        context = context.parent
    return context


def choose(
    given: Mapping[str, Any], profile: Profile, on_problem: Callable[[str], None], *, users_come: bool = False
) -> Settings:
    """The settings of a profile, but for those that are given; these have the same names.

    With `users_come` the CA alone does, since it is users who will log in. Raises UsageError for what does not go together,
    ConfigError.
    """

    def chosen(name: str) -> Any:
        return given[name] if name in given else getattr(profile, name)

    user, password_file = chosen("user"), chosen("password_file")
    from_keyring = profile.password_keyring and password_file is None
    credentials = stored_credentials(profile.name, user) if from_keyring else read_user(user, password_file)
    tls = read_tls(
        chosen("certificate"),
        chosen("key"),
        chosen("ca"),
        chosen("peer_name"),
        with_user=credentials is not None or users_come,
    )
    return Settings(read_urls(chosen("urls")), tls, credentials, chosen("timeout"), on_problem)


def read_urls(given: Iterable[str]) -> tuple[str, ...]:
    """The URLs in what was given, each of which may be several, with commas or blanks between them."""
    found = [url for text in given for url in re.split(r"[,\s]+", text) if url]
    return tuple(dict.fromkeys(found)) or (DEFAULT_URL,)


def read_tls(
    certificate: Path | None, key: Path | None, ca: Path | None, peer_name: str, *, with_user: bool
) -> TlsConfig | None:
    """The certificates, None where none are given. Raises UsageError where what is given does not go together.

    Who logs in as a user needs the CA alone.
    """
    if ca is not None and (certificate is None) == (key is None) and (certificate is not None or with_user):
        return TlsConfig(certificate, key, ca, peer_name)
    if (certificate, key, ca, peer_name) != (None, None, None, ""):
        raise click.UsageError(
            "--certificate, --key and --ca belong together: give all three, --ca alone with --user, or none (and then no "
            "--peer-name)"
        )
    return None


def read_user(user: str | None, password_file: Path | None) -> Credentials | None:
    """The credentials, None where none are given. Raises UsageError where one half is missing, ConfigError for the file."""
    if user and password_file is not None:
        return read_credentials(user, password_file)
    if user or password_file is not None:
        raise click.UsageError("--user and --password-file belong together: give both, or none")
    return None
