"""The order of publications: (term, version) of what a site has taken never goes back.

Rules of this file: pure. Versions are those of one site's CIB and say nothing of another's, so that publications of different
sites in one term are of no order. The same content again is no step back. What a site has had itself is as new as its grant,
as long as nobody else claimed the ticket: an older grant that turns up later overwrites nothing of it. A grant that somebody
contested makes nothing old, so that whoever gives it up can follow who is left.
"""

from __future__ import annotations

from dataclasses import replace

from qmfagent.cib.ticket import Term
from qmfagent.cib.version import Version
from qmfagent.errors import Refused
from qmfagent.replication.authority import Claim
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.standing import Standing


def check_order(newest: Standing, publication: Publication) -> None:
    """Raise Refused (stale) where `publication` is older than the newest that was taken."""
    if publication.digest != newest.digest and _is_older(publication, newest):
        raise Refused(
            "stale",
            f"the publication {publication.version} of term {publication.term} by {publication.site} is older than"
            f" {newest.version} of term {newest.term} by {newest.publisher}, which was taken here already",
        )


def check_grant(claim: Claim, publication: Publication) -> None:
    """Raise Refused (stale) where `publication` is of an earlier grant than its site claims to have: it was replayed."""
    if publication.term < claim.term:
        raise Refused(
            "stale",
            f"the publication {publication.version} of term {publication.term} by {publication.site} is of an older grant"
            f" than the one of term {claim.term} that it has now",
            hint="plan again",
        )


def taken(newest: Standing, publication: Publication, delivered: str) -> Standing:
    """The standing once `publication` was taken, and the document of that SHA-256 is what stands here for it."""
    standing = replace(newest, delivered=delivered)
    if _is_older(publication, newest):
        return standing
    return replace(
        standing,
        publisher=publication.site,
        term=publication.term,
        version=publication.version,
        digest=publication.digest,
    )


def held(newest: Standing, site: str, term: Term, version: Version) -> Standing:
    """The standing of `site` once it was found to be the only one that claims the ticket, by a grant of that term, with its
    CIB at that version: what it has itself is the newest then, and nothing that was delivered before."""
    if term <= newest.term:
        return newest
    return replace(newest, publisher=site, term=term, version=version, digest="", delivered="")


def _is_older(publication: Publication, newest: Standing) -> bool:
    same_grant = (publication.site, publication.term) == (newest.publisher, newest.term)
    return publication.term < newest.term or (same_grant and publication.version < newest.version)
