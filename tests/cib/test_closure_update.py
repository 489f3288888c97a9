"""What is new in a closure: put together with the earlier one, it is the closure itself."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import pytest
from hypothesis import given
from lxml import etree

from qmfagent.cib.closure import closure_update
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.closure.closure_update import changed_members, sharing, updated
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, QmfAgentError
from tests.cib.helpers import cib, dummy, pairs, ticket
from tests.cib.strategies import cibs, edits

BEFORE = cib(dummy("a", pairs("a-ia", ip="1")) + dummy("b"), ticket("ca", "a") + ticket("cb", "b"))


def brought_forward(earlier: Closure, now: Closure) -> Closure:
    changed, removed = changed_members(earlier, now)
    return updated(earlier, changed.canonical, removed, "it")


@given(cibs(), edits())
def test_it_gives_what_the_whole_would(
    before: etree._Element, edit: Callable[[etree._Element], etree._Element]
) -> None:
    try:
        earlier, now = (closure(Snapshot.of(each), "T") for each in (before, edit(before)))
    except QmfAgentError:
        return
    found = brought_forward(earlier, now)
    assert found.canonical == now.canonical
    assert found.digest == now.digest
    assert found.independent == now.independent


def test_a_change_of_a_value_costs_no_more_than_itself() -> None:
    now = cib(dummy("a", pairs("a-ia", ip="2")) + dummy("b"), ticket("ca", "a") + ticket("cb", "b"))
    earlier, later = closure(BEFORE, "T"), closure(now, "T")
    with patch.object(closure_update, "from_document", side_effect=AssertionError("read whole")):
        found = brought_forward(earlier, later)
    assert found.digest == later.digest
    assert found.lines["b"] is earlier.lines["b"]


def test_members_come_and_go() -> None:
    now = cib(dummy("b") + dummy("c"), ticket("cb", "b") + ticket("cc", "c"))
    changed, removed = changed_members(closure(BEFORE, "T"), closure(now, "T"))
    assert (set(changed.lines), removed) == ({"c", "cc"}, ("a", "ca"))
    assert brought_forward(closure(BEFORE, "T"), closure(now, "T")).digest == closure(now, "T").digest


@pytest.mark.parametrize(
    ("changed", "removed", "words"),
    [
        (closure(cib(dummy("c"), ticket("cc", "c")), "T"), ["x"], "takes away x, which was not there"),
        (Closure("T", {"resources": {"c": b'<primitive id="c"></primitive>'}}), [], "would not depend on ticket"),
        (Closure("T", {}), ["a"], "refers to 'a'"),
    ],
)
def test_what_is_no_closure_then_is_refused(changed: Closure, removed: list[str], words: str) -> None:
    with pytest.raises(CibError, match=words):
        updated(closure(BEFORE, "T"), changed.canonical, removed, "it")


def test_alike_members_are_the_same_objects() -> None:
    again = Snapshot.parse(etree.tostring(BEFORE.to_element()))
    found = sharing(closure(again, "T"), closure(BEFORE, "T"))
    assert all(found.lines[i] is line for i, line in closure(BEFORE, "T").lines.items())
    other = cib(dummy("a", pairs("a-ia", ip="2")) + dummy("b"), ticket("ca", "a") + ticket("cb", "b"))
    found = sharing(closure(other, "T"), closure(BEFORE, "T"))
    assert found.digest == closure(other, "T").digest
    assert found.lines["b"] is closure(BEFORE, "T").lines["b"]
