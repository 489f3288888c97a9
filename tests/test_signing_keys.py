"""Key files: what can't be used is an error that says what to do, and a key that others may read is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from qmfagent.config import Peer
from qmfagent.errors import ConfigError
from qmfagent.keys.certs import new_key, private_pem
from qmfagent.keys.signing import read_signer, read_signing_key, read_verifier, read_verify_key
from tests.certificates import write_signing_keys
from tests.replication.fakes import publication


def test_a_pair_of_keys_belongs_together(tmp_path: Path) -> None:
    private, public = write_signing_keys(tmp_path, "a")
    signer = read_signer(private)
    assert signer is not None
    read_verifier([Peer("a", "amqp://x", verify_key=public), Peer("b", "amqp://y")]).check(signer.signed(publication()))
    assert read_signing_key(private).public_key() == read_verify_key(public)
    assert read_signer(None) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_private_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    private, _ = write_signing_keys(tmp_path, "a")
    private.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_signing_key(private)


@pytest.mark.parametrize("read", [read_signing_key, read_verify_key])
@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_named(tmp_path: Path, read: Callable[[Path], object], content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"key\.pem: no (private|public) key"):
        read(path)
    with pytest.raises(ConfigError, match=r"gone\.pem: No such file"):
        read(tmp_path / "gone.pem")


def test_keys_of_another_kind_or_half_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(private_pem(new_key()))
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        read_signing_key(path)
    path.write_bytes(private_pem(Ed25519PrivateKey.generate()))
    with pytest.raises(ConfigError, match="no public key"):
        read_verify_key(path)
