"""User and password of a client.

Rules of this file: a password is never part of a text that is logged or shown, is read only from files that nobody else
may read, and is sent only where nobody can listen: over TLS, or within this host.
"""

from __future__ import annotations

import ipaddress
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from qmfagent.bus.url import BusUrl
from qmfagent.errors import ConfigError

MAX_PASSWORD_FILE = 4096


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client proves its identity with where it has no certificate. `user` as SASL knows it, such as `bob@qmfagent`."""

    user: str
    password: str = field(repr=False)

    def check(self, url: BusUrl) -> None:
        """Raise ConfigError where they would travel unencrypted to another host than this one."""
        if not url.secure and not is_this_host(url.host):
            raise ConfigError(
                f"the password of user {self.user!r} would go unencrypted to {url}",
                hint="write amqps://, and give the CA",
            )


def read_credentials(user: str, password_file: Path) -> Credentials:
    """The credentials of `user`, whose password is the first line of a file.

    Raises ConfigError for a file that can't be read, that others than its owner may read, or that holds no password.
    """
    try:
        with password_file.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(MAX_PASSWORD_FILE)
    except OSError as error:
        raise ConfigError(f"password file {password_file}: {error.strerror}") from None
    require_private(password_file, mode, "password file")
    try:
        password = content.decode().partition("\n")[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise ConfigError(
            f"password file {password_file} is no UTF-8 text", hint="write the password into it"
        ) from None
    if not password:
        raise ConfigError(f"password file {password_file} has an empty first line", hint="write the password into it")
    return Credentials(user, password)


def require_private(path: Path, mode: int, what: str) -> None:
    """Raise ConfigError where a file of these permission bits can be read or written by others than its owner and group."""
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise ConfigError(
            f"{what} {path} has the permissions {mode:04o}: others may read or change it", hint=f"chmod 0600 {path}"
        )


def is_this_host(host: str) -> bool:
    """Whether what is sent to a host, a name or an IP address, stays within this one."""
    return host == "localhost" or is_loopback(host)


def is_loopback(address: str) -> bool:
    """Whether an IP address, as text, is one of this host's own loopback. A name is not: it may mean anything."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
