"""A publication: one version of a ticket's closure, as its holder announces it.

Rules of this file: the digest covers the closure's canonical bytes and is checked before anything else is done with
them. (term, version) orders publications; it never goes back at a site. On the wire a publication may be told against an
earlier one that whoever asks has already; digest and signature are of the whole in any case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from qmfagent.cib.closure.closure import Closure, from_document
from qmfagent.cib.closure.closure_update import updated
from qmfagent.cib.ticket import Term
from qmfagent.cib.version import Version
from qmfagent.errors import CibError


@dataclass(frozen=True, slots=True)
class Publication:
    """`xml` is the closure's canonical document, `digest` its SHA-256, `validate_with` the publishing site's schema.

    Where `base` is the digest of an earlier publication, `xml` has those members alone that are new or others since, and
    `removed` are the ids of those that are gone.

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
    base: str = ""
    removed: tuple[str, ...] = ()

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
            "base": self.base,
            "removed": list(self.removed),
        }

    @classmethod
    def from_values(cls, ticket: str, values: Mapping[str, Any]) -> Publication:
        """Read such out arguments. Raises CibError where one is missing or malformed."""
        names = ("site", "term", "version", "digest", "validate_with", "xml")
        texts = {name: values.get(name) for name in names}
        for name, text in texts.items():
            if not isinstance(text, str):
                raise CibError(f"the publication of ticket {ticket!r} has no {name}")
        for name in ("signature", "base"):
            if not isinstance(values.get(name, ""), str):
                raise CibError(f"the publication of ticket {ticket!r} has a {name} that is no text")
        removed = values.get("removed", [])
        if not isinstance(removed, list) or not all(isinstance(each, str) for each in removed):
            raise CibError(f"the publication of ticket {ticket!r} has no list of what was removed")
        return cls(
            site=str(texts["site"]),
            ticket=ticket,
            term=Term.parse(str(texts["term"])),
            version=Version.parse(str(texts["version"])),
            digest=str(texts["digest"]),
            validate_with=str(texts["validate_with"]),
            xml=str(texts["xml"]).encode(),
            signature=values.get("signature", ""),
            base=values.get("base", ""),
            removed=tuple(removed),
        )

    def since(self, base: str, changed: Closure, removed: tuple[str, ...]) -> Publication:
        """The same, told against the publication of digest `base`; the others are what changed_members gives."""
        return replace(self, xml=changed.canonical, base=base, removed=removed)

    def closure(self, earlier: Closure | None = None) -> Closure:
        """The verified closure; `earlier` is that of an earlier publication, where this one is told against it.

        Raises CibError where the digest is wrong or the document is no closure of the ticket.
        """
        name = f"the publication of ticket {self.ticket!r} by {self.site}"
        if not self.base:
            self._check_digest(hashlib.sha256(self.xml).hexdigest(), name)
            return from_document(self.ticket, self.xml, name)
        if earlier is None or earlier.digest != self.base:
            raise CibError(f"{name} is told against one that this site does not have: {self.base[:16]}...")
        found = updated(earlier, self.xml, self.removed, name)
        self._check_digest(found.digest, name)
        return found

    def _check_digest(self, actual: str, name: str) -> None:
        if actual != self.digest:
            raise CibError(f"{name} has digest {actual[:16]}..., not the {self.digest[:16]}... it is announced with")
