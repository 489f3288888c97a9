"""TLS for the bus: certificates in, proton's SSL domains out.

Rules of this file: both ends show a certificate that the other end's CA has signed, except clients that log in with a
password; a client also checks that the certificate is for the host it meant to reach; TLS 1.2 is the least. Files are read
and checked here first, because proton reports no more than "SSL failure". They are read again when they change (reload.py).
The user of a connection is the subject of its certificate (SASL EXTERNAL).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import proton
from cproton import pn_ssl_domain_set_protocols

from qmfagent.bus.security.reload import Reloaded, ReloadedDomain
from qmfagent.bus.url import BusUrl
from qmfagent.errors import ConfigError

PROTOCOLS = "TLSv1.2 TLSv1.3"


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """Certificates of one site, as paths of PEM files.

    `certificate` (with its chain) and `key` (without a passphrase) identify us, `ca` holds the certificates that peers
    must be signed by. A client that logs in with a password needs the CA alone: certificate and key are None there.
    `peer_name` is the name a client expects in the peer's certificate where it is not the host of the URL. It is needed
    where that host is an IP address: proton compares with DNS names (and the common name) alone.
    """

    certificate: Path | None
    key: Path | None
    ca: Path
    peer_name: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files."""
        return tuple(path for path in (self.certificate, self.key, self.ca) if path is not None)

    def server_domain(self, *, ask_for_certificates: bool = True) -> ReloadedDomain:
        """What a listener needs: our certificate, and a verified one from every client if clients are asked for one.

        Raises ConfigError where a file can't be used, or proton was built without TLS.
        """
        if self.certificate is None:
            raise ConfigError("TLS: a listener needs a certificate", hint="give certificate and key")

        def make() -> proton.SSLDomain:
            domain = self._domain(proton.SSLDomain.MODE_SERVER)
            if ask_for_certificates:
                domain.set_peer_authentication(proton.SSLDomain.VERIFY_PEER, str(self.ca))
            else:
                domain.set_peer_authentication(proton.SSLDomain.ANONYMOUS_PEER)
            return domain

        return ReloadedDomain(self.files, make)

    def client_domain(self) -> ReloadedDomain:
        """What a client needs: our certificate, if any, and a verified one from the peer that has the peer's name.

        Raises ConfigError where a file can't be used, or proton was built without TLS.
        """

        def make() -> proton.SSLDomain:
            domain = self._domain(proton.SSLDomain.MODE_CLIENT)
            domain.set_peer_authentication(proton.SSLDomain.VERIFY_PEER_NAME)
            return domain

        return ReloadedDomain(self.files, make)

    def server_context(self) -> Reloaded[ssl.SSLContext]:
        """What a server takes that is none of proton's: as server_domain, with a verified certificate from every client.

        Raises ConfigError where a file can't be used.
        """
        certificate = self.certificate
        if certificate is None:
            raise ConfigError("TLS: a server needs a certificate", hint="give certificate and key")

        def make() -> ssl.SSLContext:
            self._check_files()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_cert_chain(certificate, self.key, password=self._no_passphrase)
            context.load_verify_locations(self.ca)
            return context

        return Reloaded(self.files, make)

    def _domain(self, mode: int) -> proton.SSLDomain:
        check_proton()
        self._check_files()
        domain = proton.SSLDomain(mode)
        try:
            if self.certificate is not None:
                domain.set_credentials(str(self.certificate), str(self.key), None)
            domain.set_trusted_ca_db(str(self.ca))
        except proton.SSLException as error:
            raise ConfigError(
                f"TLS: proton can't use certificate {self.certificate}, key {self.key} and CA {self.ca}"
            ) from error
        # The only binding there is: SSLDomain has no method for it.
        if pn_ssl_domain_set_protocols(domain._domain, PROTOCOLS) != 0:
            raise ConfigError(f"TLS: this OpenSSL can't be limited to {PROTOCOLS}", hint="update OpenSSL")
        return domain

    def _check_files(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self.certificate is not None and self.key is not None:
            self._check_pair(context, self.certificate, self.key)
        elif self.certificate is not None or self.key is not None:
            raise ConfigError("TLS: certificate and key belong together", hint="give both, or none")
        _require_readable("CA file", self.ca)
        try:
            context.load_verify_locations(self.ca)
        except ssl.SSLError as error:
            raise ConfigError(
                f"TLS: CA file {self.ca} can't be used: {error.reason or error}", hint="give certificates in PEM form"
            ) from error

    def _check_pair(self, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        _require_readable("certificate", certificate)
        _require_readable("key", key)
        try:
            context.load_cert_chain(certificate, key, password=self._no_passphrase)
        except ssl.SSLError as error:
            why = error.reason or str(error)
            raise ConfigError(
                f"TLS: certificate {certificate} and key {key} can't be used together: {why}",
                hint="give PEM files that belong together",
            ) from error

    def _no_passphrase(self) -> str:
        raise ConfigError(
            f"TLS: key {self.key} is protected by a passphrase", hint="store it without one, readable by the agent only"
        )


def check_tls(url: BusUrl, tls: TlsConfig | None, hint: str) -> None:
    """Raise ConfigError where URL and TLS do not go together; `hint` says what to give where there is none."""
    if url.secure and tls is None:
        raise ConfigError(f"{url} needs TLS, and none is configured", hint=hint)
    if tls is not None and not url.secure:
        raise ConfigError(f"TLS is configured, but {url} does not use it", hint="write amqps://")


def _require_readable(use: str, path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise ConfigError(f"TLS: can't read the {use} {path}: {error.strerror}") from error


def check_proton() -> None:
    """Raise ConfigError, naming what is missing, where proton was built without TLS or without Cyrus SASL.

    Such a build succeeds silently when the headers of OpenSSL or Cyrus SASL are not installed.
    """
    missing = [
        package
        for package, present in (("libssl-dev", proton.SSL.present()), ("libsasl2-dev", proton.SASL.extended()))
        if not present
    ]
    if missing:
        raise ConfigError(
            "TLS: python-qpid-proton was built without " + " and ".join(missing),
            hint="install them and rebuild it: pip install --no-cache-dir --force-reinstall python-qpid-proton",
        )
