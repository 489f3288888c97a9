"""Where the command connects, and the options that more than one command has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from consoles.asynchronous import AsyncConsole
from consoles.cli.output import warn
from consoles.synchronous import Console
from qmfagent.bus.security.credentials import Credentials, read_credentials
from qmfagent.bus.security.tls import TlsConfig

DEFAULT_URL = "amqp://127.0.0.1:5672"

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, with the keys that the manual lists.")
adopt_option = click.option("--adopt", is_flag=True, help="Take over local elements that depend on the ticket already.")


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options: bus URLs, certificates and credentials where given, and the timeout in seconds."""

    urls: tuple[str, ...]
    tls: TlsConfig | None
    credentials: Credentials | None
    timeout: float

    def console(self) -> Console:
        """A console that is not connected yet. Raises ConfigError for what can't be used."""
        return Console(self.urls, self.tls, credentials=self.credentials, timeout=self.timeout, on_problem=warn)

    def async_console(self) -> AsyncConsole:
        """The same for asyncio."""
        return AsyncConsole(self.urls, self.tls, credentials=self.credentials, timeout=self.timeout, on_problem=warn)


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
