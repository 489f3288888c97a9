"""TLS and SASL on one connection: what is offered, who the peer turned out to be, and why it failed, in words.

Rules of this file: a listener with certificates alone takes EXTERNAL alone; one with passwords takes SCRAM-SHA-256 and
PLAIN, and only inside TLS. A client proves who it is by its credentials where it has some, else by its certificate, else
not at all. A password is never sent unencrypted to another host. The identity is what SASL or TLS have proved, never what a
peer would like to be taken for (SASL's authorization identity).
Source: AMQP 1.0 part 5 (security layers); RFC 4422 (SASL), appendix A (EXTERNAL).
"""

from __future__ import annotations

import proton
from proton import Condition

from qmfagent.bus.security.credentials import Credentials, is_loopback
from qmfagent.bus.security.identity import ANONYMOUS, Identity
from qmfagent.bus.security.reload import ReloadedDomain
from qmfagent.bus.security.sasl_guard import guard_sasl
from qmfagent.bus.url import is_address

SCRAM_OR_PLAIN = "SCRAM-SHA-256 PLAIN"
MAX_WORDS = 300


class Handshake:
    """The security layers of one transport, which is not bound to its connection yet."""

    def __init__(
        self,
        transport: proton.Transport,
        connection: proton.Connection,
        *,
        server: bool,
        tls: ReloadedDomain | None,
        host: str,
        credentials: Credentials | None,
        passwords: bool,
    ) -> None:
        """`passwords` is for a server whose peers have users and passwords; the others are as Engine describes them."""
        guard_sasl()
        self._transport = transport
        self._server = server
        self._host = host
        self._credentials = credentials
        self._passwords = passwords
        transport.require_auth(server and tls is not None)
        if host:
            connection.hostname = host
        self._encryption = transport.ssl(tls.current()) if tls is not None else None
        if self._encryption is not None and host:
            self._encryption.peer_hostname = host
        if credentials is not None:
            connection.user = credentials.user
            connection.password = credentials.password
        if credentials is not None or passwords:
            self._mechanisms = SCRAM_OR_PLAIN
        else:
            self._mechanisms = "EXTERNAL" if tls is not None else "ANONYMOUS"
        transport.sasl().allowed_mechs(self._mechanisms)

    def start(self, host: str) -> str:
        """Begin with the peer at this IP address (empty where it has none); why it can't be, or nothing."""
        if self._credentials is not None and self._encryption is None:
            if not is_loopback(host):
                return f"the password of user {self._credentials.user!r} is not sent unencrypted to another host"
            self._transport.sasl().allow_insecure_mechs = True
        return ""

    def identity(self, address: str) -> Identity:
        """Who the peer at `address` is, now that the handshake is over."""
        # Not transport.authenticated: proton calls SASL ANONYMOUS authenticated too.
        if self._passwords:
            user = self._transport.user
        else:
            user = self._encryption.remote_subject if self._encryption is not None else None
        return Identity(user=user or ANONYMOUS, authenticated=bool(user), address=address)

    def login_failed(self, condition: Condition) -> bool:
        """Whether a transport has ended with this condition because a password was not taken."""
        description = condition.description or ""
        tried = self._credentials is not None or self._passwords
        return tried and condition.name == "amqp:unauthorized-access" and "mech=none" not in description

    def words(self, condition: Condition) -> str:
        """A condition that the transport has ended with, in words for people."""
        description = condition.description or ""
        if "SSL" in description:
            # OpenSSL's own words come last: "amqp:connection:framing-error: SSL Failure: error:0A000418:SSL routines::..."
            return f"TLS failed: {description.rpartition(':')[2].strip()}{self._address_hint(description)}"
        if description == "connection aborted":
            return "closed by the peer"
        if "mech=none" in description:
            return f"no SASL mechanism in common (ours: {self._mechanisms}); is libsasl2-modules installed, and the port right?"
        if self.login_failed(condition):
            if self._credentials is None:
                return "not let in: the user is unknown, or the password is wrong"
            return f"user {self._credentials.user!r} was not let in: the user is unknown, or the password is wrong"
        return condition_words(condition)

    def _address_hint(self, description: str) -> str:
        """proton compares the host with the names in a certificate alone, never with its IP addresses."""
        if "verify failed" not in description or not is_address(self._host):
            return ""
        return f" (certificates are looked up by name, not by {self._host}: give the name in the peer's certificate)"


def condition_words(condition: Condition) -> str:
    """An AMQP condition in words. They may be the peer's own, or quote it, so they are cut to a length for logs."""
    words = f"{condition.name}: {condition.description}" if condition.description else str(condition.name)
    return words if len(words) <= MAX_WORDS else f"{words[:MAX_WORDS]}..."
