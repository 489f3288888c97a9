"""Reads the keys that publications and the journal are signed and verified with from disk.

Rules of this file: a private key that others than its owner can read is none any more, and is refused.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from qmfagent.config import Peer
from qmfagent.errors import ConfigError
from qmfagent.journal.signature import JournalSigner
from qmfagent.replication.publishing.signature import Signer, Verifier

_MAX_BYTES = 64 * 1024
_MAKE = "make a pair of keys with 'qmfagent certs'"


def read_signer(path: Path | None) -> Signer | None:
    """What signs with the private key in a file, None where there is no file. Raises ConfigError."""
    return None if path is None else Signer(read_signing_key(path))


def read_journal_signer(path: Path | None) -> JournalSigner | None:
    """What signs the journal with the private key in a file, None where there is no file. Raises ConfigError."""
    return None if path is None else JournalSigner(read_signing_key(path))


def read_verifier(peers: Iterable[Peer]) -> Verifier:
    """What verifies with the keys of those peers that have one. Raises ConfigError."""
    return Verifier({peer.site: read_verify_key(peer.verify_key) for peer in peers if peer.verify_key})


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a PEM file (PKCS #8, without passphrase) that only its owner may read. Raises ConfigError."""
    data, mode = _read(path)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{path}: others may read this key", hint=f"chmod 600 {path}")
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(f"{path}: no private key in PEM without a passphrase", hint=_MAKE) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: not an Ed25519 key", hint=_MAKE)
    return key


def read_verify_key(path: Path) -> Ed25519PublicKey:
    """The public key in a PEM file (SubjectPublicKeyInfo). Raises ConfigError."""
    data, _ = _read(path)
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{path}: no public key in PEM", hint="copy the other site's SITE.sign.pub") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path}: not an Ed25519 key", hint="copy the other site's SITE.sign.pub")
    return key


def _read(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES), os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="check its name and permissions") from None
