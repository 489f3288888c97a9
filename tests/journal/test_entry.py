"""The chain: what it looks like to others, and that nothing in it can be changed, dropped, added or put elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.errors import JournalError, SchemaError
from qmfagent.journal.entry import Anchor, Entry, check_chain, seal

VALUES = st.dictionaries(
    st.text(max_size=5),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v, max_size=3)),
)


def chain(*values: dict[str, Any]) -> list[Entry]:
    entries: list[Entry] = []
    for each in values:
        entries.append(seal(entries[-1].anchor if entries else Anchor(), "event", "applied", 7, each))
    return entries


def test_the_hash_is_that_of_canonical_json_which_others_can_make_too() -> None:
    first, second = chain({"b": [1, True], "a": "\N{SNOWMAN}"}, {})
    for entry, prev in ((first, "0" * 64), (second, first.hash)):
        text = {"kind": "event", "name": "applied", "prev": prev, "seq": entry.seq, "time": 7, "values": entry.values}
        assert entry.hash == sha256(json.dumps(text, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    assert (first.seq, second.seq, second.prev) == (1, 2, first.hash)
    assert first.content == '{"a":"\\u2603","b":[1,true]}'


@given(st.lists(VALUES, max_size=6))
def test_an_untouched_chain_holds_from_wherever_it_is_looked_at(values: list[dict[str, Any]]) -> None:
    entries = chain(*values)
    assert [entry.values for entry in entries] == values
    for start in range(len(entries)):
        anchor = entries[start - 1].anchor if start else Anchor()
        assert check_chain(anchor, entries[start:]) == entries[-1].anchor


@given(st.lists(VALUES, min_size=3, max_size=6), st.data())
def test_any_edit_breaks_it(values: list[dict[str, Any]], data: st.DataObject) -> None:
    entries = chain(*values)
    at = data.draw(st.integers(0, len(entries) - 2))
    victim = entries[at]
    edit = data.draw(
        st.sampled_from(["drop", "swap", "repeat", "seq", "time_ns", "kind", "name", "content", "prev", "hash"])
    )
    if edit == "drop":
        entries.pop(at)
    elif edit == "swap":
        entries[at : at + 2] = reversed(entries[at : at + 2])
    elif edit == "repeat":
        entries.insert(at, victim)
    else:
        value: Any = {"seq": victim.seq + 1, "time_ns": 8, "content": '{"forged":1}'}.get(edit, "f" * 64)
        entries[at] = replace(victim, **{edit: value})
    with pytest.raises(JournalError, match="entry"):
        check_chain(Anchor(), entries)


@given(st.lists(VALUES, min_size=2, max_size=4), st.data())
def test_an_entry_that_is_forged_with_its_hash_no_longer_carries_the_next(
    values: list[dict[str, Any]], data: st.DataObject
) -> None:
    entries = chain(*values)
    at = data.draw(st.integers(0, len(entries) - 2))
    anchor = entries[at - 1].anchor if at else Anchor()
    entries[at] = seal(anchor, "event", "applied", 7, {"forged": 1})
    with pytest.raises(JournalError, match=f"entry {at + 2} does not follow"):
        check_chain(Anchor(), entries)


@pytest.mark.parametrize("value", [b"bytes", object(), float("nan"), {1, 2}])
def test_what_has_no_json_form_is_no_entry(value: Any) -> None:
    with pytest.raises(SchemaError, match="event applied can't be recorded"):
        seal(Anchor(), "event", "applied", 7, {"v": value})
