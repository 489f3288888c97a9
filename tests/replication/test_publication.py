"""A publication travels as values and is verified before it is used."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from qmfagent.cib.closure.closure import closure
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import Term
from qmfagent.cib.version import Version
from qmfagent.errors import CibError
from qmfagent.replication.publishing.publication import Publication
from tests.replication.conftest import SOURCE


@pytest.fixture
def publication() -> Publication:
    found = closure(Snapshot.parse(SOURCE), "T")
    return Publication("sitea", "T", Term(0, 7), Version(0, 5, 0), found.digest, "pacemaker-3.9", found.canonical)


def test_the_values_carry_everything(publication: Publication) -> None:
    assert Publication.from_values("T", publication.to_values()) == publication
    assert publication.closure().lines == closure(Snapshot.parse(SOURCE), "T").lines


def test_it_carries_neither_feature_set_nor_schema_in_its_document(publication: Publication) -> None:
    assert b"crm_feature_set" not in publication.xml
    assert b"validate-with" not in publication.xml


def test_a_wrong_digest_is_found(publication: Publication) -> None:
    with pytest.raises(CibError, match="digest"):
        replace(publication, xml=publication.xml.replace(b"10.1.0.10", b"6.6.6.6")).closure()


def test_a_resource_that_would_not_depend_on_the_ticket_is_found(publication: Publication) -> None:
    line = b'<primitive class="ocf" id="evil" provider="pacemaker" type="Dummy"></primitive>\n</resources>'
    xml = publication.xml.replace(b"</resources>", line)
    assert xml != publication.xml
    with pytest.raises(CibError, match="evil"):
        replace(publication, xml=xml, digest=hashlib.sha256(xml).hexdigest()).closure()


@pytest.mark.parametrize("name", ["site", "term", "version", "digest", "validate_with", "xml"])
def test_a_missing_value_is_named(publication: Publication, name: str) -> None:
    values = publication.to_values()
    del values[name]
    with pytest.raises(CibError, match=name):
        Publication.from_values("T", values)


def test_publications_are_ordered_by_term_then_version(publication: Publication) -> None:
    newer_version = replace(publication, version=Version(0, 6, 0))
    newer_term = replace(publication, term=Term(0, 8), version=Version(0, 1, 0))
    assert publication.order < newer_version.order < newer_term.order
    assert newer_term.order < replace(publication, term=Term(1, 0)).order
