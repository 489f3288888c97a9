"""How a client gets in: what of URL, certificates and credentials go together.

Rules of this file: what can't work, or would give a password away, is an error before anything is sent.
"""

from __future__ import annotations

from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig, check_tls
from qmfagent.bus.url import BusUrl
from qmfagent.errors import ConfigError


def check_login(url: BusUrl, tls: TlsConfig | None, credentials: Credentials | None) -> None:
    """Raise ConfigError where a client can't log in at `url` with these."""
    if credentials is not None:
        credentials.check(url)
    check_tls(url, tls, "give certificate, key and CA, or a user and the CA")
    if tls is not None and tls.certificate is None and credentials is None:
        raise ConfigError(f"there is nothing to log in with at {url}", hint="give certificate and key, or a user")
