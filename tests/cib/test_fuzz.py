"""Broken configurations: whatever is wrong, the fault is one of ours, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lxml import etree

from qmfagent.cib.closure.closure import closure, from_document
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.plans.report import plan_lines
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import InputError
from tests.cib.strategies import Cib, cibs

_ODD = ["", "x' y", "a]b/c", "é", '"', "x' or '1'='1", "(((", "[", "(a)\\1", "qmfagent-owned-T"]


def spoil(cib: etree._Element, rng: Random) -> None:
    """Do one thing to a CIB that no schema would accept."""
    elements = cib.xpath("//configuration//*")
    element, other = rng.choice(elements), rng.choice(elements)
    attribute = rng.choice([*element.attrib, "id"])
    value = rng.choice([*_ODD, *map(str, cib.xpath("//@id"))])
    match rng.randrange(8):
        case 0:
            element.attrib.pop(attribute, None)
        case 1:
            element.tag = other.tag
        case 2:
            element.getparent().remove(element)
        case 3:
            other.append(deepcopy(element))
        case 4:
            element.set(attribute, value)
        case 5:
            element.set("id-ref", value)
        case 6:
            element.text = "text"
        case _:
            element.append(etree.Element("{urn:other}thing", id=value))


def spoilt(rng: Random) -> etree._Element:
    """A CIB with up to five such things."""
    cib = Cib(rng, "", ("T", "U"), True).build()
    for _ in range(rng.randrange(1, 6)):
        spoil(cib, rng)
    return cib


def attempts(broken: bytes, good: Snapshot, local: Snapshot) -> Iterator[Callable[[], object]]:
    """Everything the domain does with a CIB."""
    yield lambda: from_document("T", broken)
    yield lambda: make_plan(Snapshot.parse(broken), closure(good, "T")).patchset
    snapshot = Snapshot.parse(broken)
    found = closure(snapshot, "T")
    yield lambda: (snapshot.ids, snapshot.lines, snapshot.config_digest, snapshot.tickets)
    yield lambda: (found.ids, found.digest, found.as_cib(""))
    yield lambda: from_document("T", found.canonical)
    yield lambda: [*plan_lines(make_plan(local, found).to_map())]
    yield lambda: make_plan(good, found, adopt=True).patchset
    yield lambda: make_plan(snapshot, found, adopt=True).patchset


@settings(
    max_examples=150,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.randoms(use_true_random=False).map(spoilt), cibs(), cibs(prefix="l-", tickets=("L",)))
def test_nothing_but_our_own_errors(broken: etree._Element, good: etree._Element, local: etree._Element) -> None:
    said: set[str] = set()
    pending = attempts(etree.tostring(broken), Snapshot.of(good), Snapshot.of(local))
    while True:
        try:
            attempt = next(pending, None)
            if attempt is None:
                break
            attempt()
        except InputError as error:
            said.add(error.message)
    assert "" not in said
