"""A publication: one version of a ticket's closure, as its holder announces it.

Rules of this file: the digest covers the closure's canonical bytes and is checked before anything else is done with
them. (term, version) orders publications; it never goes back at a site.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qmfagent.cib.closure import Closure, from_document
from qmfagent.cib.ticket import Term
from qmfagent.cib.version import Version
from qmfagent.errors import CibError


@dataclass(frozen=True, slots=True)
class Publication:
    """`xml` is the closure's canonical document, `digest` its SHA-256, `validate_with` the publishing site's schema.

    `signature` is that of the publishing site, in base64; empty where there is none.
    """

    site: str
    ticket: str
    term: Term
    version: Version
    digest: str
    validate_with: str
    xml: bytes
    signature: str = ""

    @property
    def order(self) -> tuple[Term, Version]:
        """What makes one publication newer than another."""
        return self.term, self.version

    def to_values(self) -> dict[str, Any]:
        """The publication as the out arguments of Site.publication."""
        return {
            "site": self.site,
            "term": str(self.term),
            "version": str(self.version),
            "digest": self.digest,
            "validate_with": self.validate_with,
            "xml": self.xml.decode(),
            "signature": self.signature,
        }

    @classmethod
    def from_values(cls, ticket: str, values: Mapping[str, Any]) -> Publication:
        """Read such out arguments. Raises CibError where one is missing or malformed."""
        names = ("site", "term", "version", "digest", "validate_with", "xml")
        texts = {name: values.get(name) for name in names}
        for name, text in texts.items():
            if not isinstance(text, str):
                raise CibError(f"the publication of ticket {ticket!r} has no {name}")
        signature = values.get("signature", "")
        if not isinstance(signature, str):
            raise CibError(f"the publication of ticket {ticket!r} has a signature that is no text")
        return cls(
            site=str(texts["site"]),
            ticket=ticket,
            term=Term.parse(str(texts["term"])),
            version=Version.parse(str(texts["version"])),
            digest=str(texts["digest"]),
            validate_with=str(texts["validate_with"]),
            xml=str(texts["xml"]).encode(),
            signature=signature,
        )

    def closure(self) -> Closure:
        """The verified closure. Raises CibError where the digest is wrong or the document is no closure of the ticket."""
        actual = hashlib.sha256(self.xml).hexdigest()
        name = f"the publication of ticket {self.ticket!r} by {self.site}"
        if actual != self.digest:
            raise CibError(f"{name} has digest {actual[:16]}..., not the {self.digest[:16]}... it is announced with")
        return from_document(self.ticket, self.xml, name)
