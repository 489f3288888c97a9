"""Certificates for tests, issued by authorities of our own, and keys that sites sign with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from qmfagent.bus.security.tls import TlsConfig
from qmfagent.keys import certs

DAY = timedelta(days=1)


def write_signing_keys(directory: Path, site: str) -> tuple[Path, Path]:
    """A pair of keys as `qmfagent certs` makes it: SITE.sign.key and SITE.sign.pub."""
    key = certs.new_signing_key()
    private, public = directory / f"{site}.sign.key", directory / f"{site}.sign.pub"
    private.touch(mode=0o600)
    private.write_bytes(certs.private_pem(key))
    public.write_bytes(certs.public_pem(key))
    return private, public


class CertificateAuthority:
    """Issues certificates into a directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._authority = certs.new_authority(name, certs.new_key(), datetime.now(UTC) - 2 * DAY)
        self.path = directory / f"{name}.pem"
        self.path.write_bytes(certs.certificate_pem(self._authority.certificate))

    def issue(self, name: str, *, host: str = "localhost", lasts: timedelta = DAY, ca: Path | None = None) -> TlsConfig:
        """A configuration with a certificate for CN `name` and DNS name `host`, that trusts `ca` (by default us)."""
        key = certs.new_key()
        begins = datetime.now(UTC) + lasts - DAY
        certificate = self._authority.issue(name, key, begins, 1, [host], server=True)
        files = self._directory / f"{self.path.stem}-{name}.pem", self._directory / f"{self.path.stem}-{name}.key"
        files[0].write_bytes(certs.certificate_pem(certificate))
        files[1].write_bytes(certs.private_pem(key))
        return TlsConfig(*files, ca or self.path)
