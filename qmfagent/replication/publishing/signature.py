"""Signatures of publications: made by the site that publishes, verified by every site that takes them.

Rules of this file: what is signed names everything that a publication says: ticket, site, term, version, schema and the
digest of its document, each with its length, so that no two publications have the same bytes; a version number in front
tells this form from any later one. A publication is verified before its document is looked at. There is no default and no
exception: a site whose key is not known has nothing to say here.
Source: RFC 8032 (Ed25519).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from qmfagent.errors import Refused
from qmfagent.netstrings import netstrings
from qmfagent.replication.publishing.publication import Publication

_FORM = "qmfagent publication 1"


def signed_bytes(publication: Publication) -> bytes:
    """What the signature of a publication is over."""
    return netstrings(
        (
            _FORM,
            publication.ticket,
            publication.site,
            str(publication.term),
            str(publication.version),
            publication.validate_with,
            publication.digest,
        )
    )


class Signer:
    """Signs publications with this site's key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def signed(self, publication: Publication) -> Publication:
        """The publication with its signature."""
        signature = self._key.sign(signed_bytes(publication))
        return replace(publication, signature=base64.b64encode(signature).decode())


class Verifier:
    """Verifies publications with the keys of the sites that this one follows."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        """`keys` are the keys by site."""
        self._keys = dict(keys)

    def check(self, publication: Publication) -> None:
        """Raise Refused (unknown-signer, unsigned, bad-signature) unless the site that it names has signed it."""
        what = f"the publication of ticket {publication.ticket!r} by {publication.site}"
        key = self._keys.get(publication.site)
        if key is None:
            raise Refused(
                "unknown-signer",
                f"{what} can't be verified: this site has no key of {publication.site}",
                hint=f'add verify_key = "{publication.site}.sign.pub" to its [[peer]] in this agent\'s configuration',
            )
        if not publication.signature:
            raise Refused("unsigned", f"{what} bears no signature", hint="give its agent a signing_key")
        try:
            key.verify(base64.b64decode(publication.signature, validate=True), signed_bytes(publication))
        except (InvalidSignature, binascii.Error, ValueError):
            raise Refused(
                "bad-signature",
                f"{what} is not signed by {publication.site}'s key",
                hint="see that verify_key here is the public half of signing_key there; if it is, somebody changed it",
            ) from None
