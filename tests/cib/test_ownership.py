"""The record of what is owned for a ticket."""

from __future__ import annotations

import pytest
from lxml import etree

from qmfagent.cib.ownership import (
    all_owned_ids,
    is_ownership_tag,
    other_owners,
    owned_ids,
    tag_element,
    tag_id,
    tag_line,
    was_replicated,
)
from tests.cib.helpers import cib, dummy
from tests.cib.strategies import VALIDATE_WITH

HERE = cib(
    "".join(map(dummy, "abx")),
    "",
    '<tag id="qmfagent-owned-T"><obj_ref id="a"/><obj_ref id="b"/><obj_ref id="gone"/></tag>'
    '<tag id="qmfagent-owned-U"><obj_ref id="b"/></tag><tag id="mine"><obj_ref id="x"/></tag>',
)


@pytest.mark.parametrize(
    ("ticket", "identifier"),
    [
        ("T", "qmfagent-owned-T"),
        ("db-ticket.2", "qmfagent-owned-db-ticket.2"),
        ("a b", "qmfagent-owned-a_x20_b"),
        ("a_b", "qmfagent-owned-a_x5f_b"),
        ("a/'\"", "qmfagent-owned-a_x2f__x27__x22_"),
        ("ü", "qmfagent-owned-_xfc_"),
    ],
)
def test_every_ticket_has_an_id_that_xml_can_hold(ticket: str, identifier: str) -> None:
    assert tag_id(ticket) == identifier
    assert is_ownership_tag(identifier)


def test_different_tickets_have_different_records() -> None:
    tickets = ["a b", "a_b", "a_x20_b", "a-b", "A b", "ab", "a  b"]
    assert len({tag_id(ticket) for ticket in tickets}) == len(tickets)


def test_other_tags_are_no_record() -> None:
    assert not is_ownership_tag("mine")
    assert not is_ownership_tag("my-qmfagent-owned-T")


def test_what_is_owned_is_what_still_exists() -> None:
    assert owned_ids(HERE, "T") == {"a", "b"}
    assert owned_ids(HERE, "U") == {"b"}
    assert owned_ids(HERE, "other") == frozenset()


def test_the_owners_of_what_other_tickets_have() -> None:
    assert other_owners(HERE, "T") == {"b": "qmfagent-owned-U"}
    assert other_owners(HERE, "U").keys() == {"a", "b", "gone"}
    assert all_owned_ids(HERE) == {"a", "b", "gone"}


def test_whether_a_ticket_was_replicated() -> None:
    assert was_replicated(HERE, "T")
    assert not was_replicated(HERE, "mine")


def test_the_record_lists_members_in_order() -> None:
    assert (
        tag_line("T", ["b", "a"])
        == b'<tag id="qmfagent-owned-T"><obj_ref id="a"></obj_ref><obj_ref id="b"></obj_ref></tag>'
    )
    assert tag_line("T", []) == b""


def test_a_tag_is_canonical_whatever_its_ids_hold() -> None:
    line = tag_element("k", ["a<&\"'>b", "ä"])
    assert [e.get("id") for e in etree.fromstring(line)] == ["a<&\"'>b", "ä"]


@pytest.mark.pacemaker
@pytest.mark.parametrize("ticket", ["T", "a b/c", "ü", "9"])
def test_pacemakers_schema_takes_it(schema: etree.RelaxNG, ticket: str) -> None:
    snapshot = cib(dummy("a"), "", tag_line(ticket, ["a"]).decode())
    assert snapshot.validate_with == VALIDATE_WITH
    schema.assertValid(etree.fromstring(etree.tostring(snapshot.to_element())))
