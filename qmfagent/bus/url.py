"""Bus addresses as people write them: `amqp://host:port` and `amqps://host:port`.

Rules of this file: an IPv6 host stands in brackets; the port defaults to 5672, with TLS to 5671. Nothing else is
accepted: credentials are certificates (tls.py) or user and password (credentials.py), and nodes are QMF's own.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from qmfagent.errors import ConfigError

PORTS = {"amqp": 5672, "amqps": 5671}


@dataclass(frozen=True, slots=True)
class BusUrl:
    """One bus address. `secure` says whether TLS is spoken there."""

    host: str
    port: int
    secure: bool

    @classmethod
    def parse(cls, text: str) -> BusUrl:
        """Read a URL. Port 0 (any free port) is accepted, for listeners.

        Raises ConfigError where it is none of the forms above.
        """
        form = "write amqp://HOST:PORT or amqps://HOST:PORT"
        try:
            parts = urlsplit(text)
            port = parts.port
            (parts.hostname or "").encode("idna")
        except ValueError as error:  # UnicodeError is one
            raise ConfigError(f"bus URL {text!r}: {error}", hint=form) from error
        if parts.scheme not in PORTS or not parts.hostname:
            raise ConfigError(f"bus URL {text!r} is not an AMQP URL", hint=form)
        if "@" in parts.netloc:
            raise ConfigError(
                f"bus URL for host {parts.hostname!r} holds credentials",
                hint="give them apart from it: a certificate, or a user and a password file",
            )
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ConfigError(f"bus URL {text!r} has something after the port", hint=form)
        return cls(parts.hostname, PORTS[parts.scheme] if port is None else port, parts.scheme == "amqps")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'amqps' if self.secure else 'amqp'}://{host}:{self.port}"


def is_address(host: str) -> bool:
    """Whether a host is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
