"""Signatures of a journal: made by the agent that writes it, with its site's key, and verified by whoever has the public one.

Rules of this file: every entry is signed as it is appended: its hash, which covers all before it, and its number, under the
name of the chain, so that it fits no other journal. Where a journal begins is signed too: what retention has deleted, the id
that its numbers have, and since which entry it is signed; or the oldest entries could be cut off. A form and a version in front
tell what is signed from anything else that the same key signs. That the newest entries are missing no signature can tell:
other sites remember the newest that they were told of.
Source: RFC 8032 (Ed25519).
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from qmfagent.journal.entry import Anchor
from qmfagent.netstrings import netstrings

_ENTRY = "qmfagent journal entry 1"
_BEGINNING = "qmfagent journal beginning 1"


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a journal begins. `chain` is the id that it had first, `id` the one that its numbers have now (see store.py),
    `anchor` what its oldest entry follows, `since` the entry after which its entries are signed."""

    chain: str
    id: str
    anchor: Anchor
    since: Anchor


class JournalSigner:
    """Signs with a site's key. `name` is its public half, hexadecimal."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.name = key_name(key.public_key())

    def entry(self, chain: str, anchor: Anchor) -> bytes:
        """The signature of the entry with that number and hash."""
        return self._key.sign(_entry_bytes(chain, anchor))

    def beginning(self, beginning: Beginning) -> bytes:
        """The signature of where a journal begins."""
        return self._key.sign(_beginning_bytes(beginning))


class JournalVerifier:
    """Verifies what the key of that name has signed. Raises ValueError for a name that is none."""

    def __init__(self, name: str) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(name))

    def entry(self, chain: str, anchor: Anchor, signature: bytes) -> bool:
        """Whether that is the signature of the entry with that number and hash."""
        return self._fits(signature, _entry_bytes(chain, anchor))

    def beginning(self, beginning: Beginning, signature: bytes) -> bool:
        """Whether that is the signature of where the journal begins."""
        return self._fits(signature, _beginning_bytes(beginning))

    def _fits(self, signature: bytes, data: bytes) -> bool:
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def key_name(key: Ed25519PublicKey) -> str:
    """The public key itself, hexadecimal."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _entry_bytes(chain: str, anchor: Anchor) -> bytes:
    return netstrings((_ENTRY, chain, str(anchor.seq), anchor.hash))


def _beginning_bytes(beginning: Beginning) -> bytes:
    anchors = (text for each in (beginning.anchor, beginning.since) for text in (str(each.seq), each.hash))
    return netstrings((_BEGINNING, beginning.chain, beginning.id, *anchors))
