"""A small certificate authority: makes what sites and consoles prove their identity with.

Rules of this file: it makes things and returns them, and reads and writes no file; the command that stores them is in
command.py. A subject is a common name and nothing else, so that the identity which agents see is `CN=NAME`. A
certificate never outlives its authority.
Source: RFC 5280 (certificates, extensions), RFC 9525 (names of services), RFC 8410 (Ed25519 keys).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from qmfagent.bus.url import is_address
from qmfagent.errors import ConfigError

AUTHORITY_DAYS = 3650
CLOCKS = timedelta(hours=1)
"""How far the clocks of two sites may differ on the day that a certificate is made."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", re.ASCII)

PrivateKey = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that signs others, and its key."""

    certificate: x509.Certificate
    key: PrivateKey

    def issue(
        self, name: str, key: PrivateKey, now: datetime, days: int, hosts: Iterable[str] = (), *, server: bool
    ) -> x509.Certificate:
        """A certificate for CN `name`, good for `days` days from `now` (UTC).

        It bears its `hosts` - DNS names and IP addresses - and its own name; one for a `server` is good for a client too.
        Raises ConfigError for a name or host that can't stand in a certificate, and where the authority ends before.
        """
        subject, issuer = _subject(name), self.certificate.subject
        end = now + timedelta(days=days)
        if end > self.certificate.not_valid_after_utc:
            left = (self.certificate.not_valid_after_utc - now).days
            raise ConfigError(
                f"a certificate of {days} days would outlive its CA, which is good for {left} days more",
                hint="make it for fewer days, or make a new CA in another directory",
            )
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH] + [ExtendedKeyUsageOID.SERVER_AUTH] * server
        return (
            _builder(subject, issuer, key, now, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName(_alternatives(name, hosts)), critical=False)
            .sign(self.key, SHA256())
        )


def new_key() -> PrivateKey:
    """A key for a certificate: EC, P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def new_signing_key() -> ed25519.Ed25519PrivateKey:
    """A key that a site signs its publications with: Ed25519."""
    return ed25519.Ed25519PrivateKey.generate()


def new_authority(name: str, key: PrivateKey, now: datetime, days: int = AUTHORITY_DAYS) -> Authority:
    """An authority CN `name`, good for `days` days from `now` (UTC). It can sign no other authority."""
    subject = _subject(name)
    certificate = (
        _builder(subject, subject, key, now, now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, SHA256())
    )
    return Authority(certificate, key)


def load_authority(certificate: bytes, key: bytes, where: str) -> Authority:
    """An authority out of PEM. Raises ConfigError, which names `where`, unless both are there and belong together."""
    loaded = load_key(key, where)
    try:
        found = x509.load_pem_x509_certificate(certificate)
        authority = found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound):
        authority = False
    if not authority:
        raise ConfigError(f"{where} is no certificate of a CA", hint="give one that `qmfagent certs` has made")
    if found.public_key() != loaded.public_key():
        raise ConfigError(f"{where} and its key do not belong together", hint="give the key of this CA")
    return Authority(found, loaded)


def load_key(key: bytes, where: str) -> PrivateKey:
    """An EC key out of PEM. Raises ConfigError, which names `where`."""
    try:
        loaded = load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the key of {where} can't be read: {error}") from None
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"the key of {where} is no EC key", hint="give one that `qmfagent certs` has made")
    return loaded


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM)


def private_pem(key: PrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """A private key as PEM: PKCS8, without a passphrase."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: ed25519.Ed25519PrivateKey) -> bytes:
    """The public half of a signing key as PEM: SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def identity_of(certificate: x509.Certificate) -> str:
    """Who agents take the owner of a certificate for, such as `CN=paris`."""
    return certificate.subject.rfc4514_string()


def check_name(name: str) -> str:
    """The name, if a certificate and its files can bear it. Raises ConfigError."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} can't name a certificate", hint="1 to 64 letters, digits, dots, dashes and underscores of ASCII"
        )
    return name


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, check_name(name))])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(name: str, hosts: Iterable[str]) -> list[x509.GeneralName]:
    """The hosts, and the owner's name: what is reached by its IP address is looked up by that (certificate_name)."""
    return [_alternative(host) for host in dict.fromkeys([*hosts, name])]


def _alternative(host: str) -> x509.GeneralName:
    if is_address(host):
        return x509.IPAddress(ipaddress.ip_address(host))
    try:
        return x509.DNSName(host)
    except ValueError:
        raise ConfigError(f"{host!r} is no host name of ASCII", hint="write it in its xn-- form") from None
