"""Who is at the other end of a connection.

Rules of this file: an identity is taken from the connection (TLS and SASL), never from a message's user-id.
"""

from __future__ import annotations

from dataclasses import dataclass

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Identity:
    """The peer of one connection.

    `user` is the subject of its certificate (RFC 2253 form, `CN=site-b,O=example`), who it has logged in as
    (`bob@qmfagent`), or `anonymous`; `authenticated` says whether that was proved; `address` is its network address,
    `host:port`.
    """

    user: str = ANONYMOUS
    authenticated: bool = False
    address: str = ""
