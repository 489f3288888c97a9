"""Reading documents: what is accepted, and how hostile ones fail."""

from __future__ import annotations

import resource
import time

import pytest
from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError
from tests.cib.helpers import cib, dummy

BOMB = (
    b'<!DOCTYPE cib [<!ENTITY a0 "ha">'
    + b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 20) for i in range(1, 10))
    + b"]>"
)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "not well-formed"),
        (b"hello", "not well-formed"),
        (b"<cib><configuration></cib>", "line 1"),
        (b"<cib>\n<configuration>\n</cib>", "line 3"),
        (b'<cib a="\xff"><configuration/></cib>', "not well-formed"),
        (b'<cib a="\0"><configuration/></cib>', "not well-formed"),
        (b'<?xml version="1.0" encoding="nonsense"?><cib><configuration/></cib>', "encoding"),
        (BOMB + b'<cib a="&a9;"><configuration/></cib>', "the CIB"),
        (BOMB + b"<cib><configuration>&a9;</configuration></cib>", "the CIB"),
        (
            b'<!DOCTYPE cib [<!ENTITY a SYSTEM "file:///etc/passwd">]><cib><configuration>&a;</configuration></cib>',
            "type",
        ),
        (b'<!DOCTYPE cib [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]><cib><configuration/></cib>', "type"),
        (b'<!DOCTYPE cib SYSTEM "http://127.0.0.1:9/cib.dtd"><cib><configuration/></cib>', "document type declaration"),
        (b"<!DOCTYPE cib><cib><configuration/></cib>", "document type declaration"),
        (b"<cib><configuration>" + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</configuration></cib>", "depth"),
        (b"<cib " + b" ".join(b'a%d="1"' % i for i in range(100_000)) + b"><configuration/></cib>", "256 attributes"),
        (b"<cib><configuration>" + b"<a/>" * 4_000_001 + b"</configuration></cib>", "4,000,000 tags"),
        (b"<cib>" + b" " * document.MAX_BYTES + b"</cib>", "bytes"),
        (b"<configuration/>", "not a <cib>"),
        (b'<x:cib xmlns:x="urn:x"><configuration/></x:cib>', "not a <cib>"),
        (b"<cib/>", "exactly one configuration"),
        (b"<cib><configuration/><configuration/></cib>", "exactly one configuration"),
    ],
    ids=lambda value: value[:40] if isinstance(value, bytes) else value,
)
def test_what_is_no_cib_is_refused_by_name_in_bounded_time_and_memory(data: bytes, fault: str) -> None:
    memory, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.thread_time()
    with pytest.raises(CibError, match="the CIB") as caught:
        document.parse(data)
    assert fault in str(caught.value)
    assert time.thread_time() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 300 * 1024


def test_a_hundred_megabytes_are_refused_unread() -> None:
    data = b"<" * 104_857_600
    started = time.thread_time()
    with pytest.raises(CibError, match="104,857,600 bytes"):
        document.parse(data)
    assert time.thread_time() - started < 1


def test_many_attributes_in_a_short_tag_are_accepted_up_to_the_bound() -> None:
    tag = b" ".join(b'a%d="1"' % i for i in range(document.MAX_ATTRIBUTES))
    assert len(document.parse(b"<cib " + tag + b"><configuration/></cib>").attrib) == document.MAX_ATTRIBUTES


def test_the_encoding_makes_no_difference() -> None:
    text = '<cib a="\u20ac"><configuration/></cib>'
    utf16 = f'<?xml version="1.0" encoding="utf-16"?>{text}'.encode("utf-16")
    assert document.canonical(document.parse(utf16)) == document.canonical(document.parse(text.encode()))
    with pytest.raises(CibError, match="document type declaration"):
        document.parse('<?xml version="1.0" encoding="utf-16"?><!DOCTYPE cib><cib/>'.encode("utf-16"))


def test_text_means_nothing() -> None:
    spaced = b"<cib> a <configuration>\n <resources>\n </resources> <!-- c --> b <tags/>\n</configuration></cib>"
    plain = b"<cib><configuration><resources/><tags/></configuration></cib>"
    assert document.canonical(document.parse(spaced)) == document.canonical(document.parse(plain))


def test_comments_stay_since_positions_count_them() -> None:
    parsed = document.parse(b"<cib><configuration><!-- c --><tags/></configuration></cib>")
    assert len(parsed[0]) == 2


def test_the_order_of_attributes_does_not_count() -> None:
    one, other = etree.fromstring('<a b="1" c="2"/>'), etree.fromstring('<a c="2" b="1"/>')
    assert document.canonical(one) == document.canonical(other)


def test_pretty_is_for_people_and_reads_back() -> None:
    element = etree.fromstring('<a><b x="ä"/></a>')
    assert document.pretty(element) == '<a>\n  <b x="ä"/>\n</a>\n'.encode()
    assert document.canonical(document.parse_element(document.pretty(element))) == '<a><b x="ä"></b></a>'.encode()


def test_members_and_paths() -> None:
    snapshot = cib(f'<group id="g">{dummy("p")}</group>')
    element = snapshot.ids["p"]
    assert document.member_of(element).get("id") == "g"
    assert document.member_of(snapshot.ids["g"]).get("id") == "g"
    assert document.element_path(element) == "/cib/configuration/resources/group[@id='g']/primitive[@id='p']"


def test_a_snapshot_keeps_what_the_cib_says_of_itself() -> None:
    snapshot = Snapshot.parse(b'<cib validate-with="pacemaker-3.9" epoch="2" x="y"><configuration/></cib>')
    assert snapshot.validate_with == "pacemaker-3.9"
    assert (str(snapshot.version), snapshot.head["x"], snapshot.status) == ("0.2.0", "y", None)
    assert snapshot.to_element().find("status") is not None
