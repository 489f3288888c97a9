"""Forms as the schema makes them, and what becomes of what is written into them."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consoles.values import Object
from consoles.web.views.schema import (
    MOST,
    arguments,
    concerned,
    given_in,
    method_form,
    object_rows,
    object_values,
    properties,
    result_values,
)
from qmfagent.agent import load_schema
from qmfagent.qmf.classes import Argument, Method, SchemaClass
from qmfagent.qmf.value_type import TYPE_NAMES, XML_TYPES, ValueType

SCHEMA = load_schema()


def told(class_name: str) -> SchemaClass:
    """A class as it comes over the bus."""
    return SchemaClass.from_map(SCHEMA.object_class(class_name).to_map())


def of(method: str, class_name: str = "Site") -> Method:
    """A method as it comes over the bus."""
    found = told(class_name).method(method)
    assert found is not None
    return found


@pytest.mark.parametrize("each", [each.name for each in SCHEMA.classes])
def test_every_method_of_the_agent_has_a_form(each: str) -> None:
    for method in told(each).methods:
        form = method_form(each, method)
        assert form.good
        assert [field.name for field in form.fields] == [arg.name for arg in method.arguments if "I" in arg.dir]
        assert len(form.fields) + len(form.outputs) == len(method.arguments)


def test_the_form_of_a_method() -> None:
    form = method_form("Site", of("plan"))
    assert not form.writes
    assert [(field.name, field.control, field.type, field.optional) for field in form.fields] == [
        ("ticket", "text", "a string", False),
        ("adopt", "choice", "a boolean", True),
    ]
    assert form.outputs[0] == ("token", "a string", "Names this plan for apply; empty where there is nothing to do")
    assert method_form("Site", of("apply")).writes
    assert method_form("Site", Method("of_a_later_version")).writes


def test_what_is_written_becomes_arguments() -> None:
    assert arguments(of("plan"), {"ticket": " db ", "adopt": "true"}) == {"ticket": " db ", "adopt": True}
    assert arguments(of("plan"), {"ticket": "", "adopt": ""}) == {"ticket": ""}
    assert arguments(of("events"), {"since": " 7 ", "limit": ""}) == {"since": 7}
    form = [("arg.since", "7"), ("method", "events"), ("csrf", "x")]
    assert given_in(form) == {"since": "7"}


def test_what_does_not_fit_is_named_at_its_field() -> None:
    form = method_form("Site", of("events"), {"since": "soon", "limit": "many"})
    assert not form.good
    assert [(field.value, field.problem) for field in form.fields] == [
        ("soon", "This is not an integer."),
        ("many", "This is not an integer."),
    ]
    missing = method_form("Site", of("events"), {})
    assert [field.problem for field in missing.fields] == ["This has to be an integer.", ""]


@given(st.sampled_from(sorted(TYPE_NAMES)), st.booleans(), st.data())
def test_a_good_form_gives_what_its_types_accept(name: str, optional: bool, data: st.DataObject) -> None:
    values = {
        "TYPE_BOOL": st.booleans().map(json.dumps),
        "TYPE_INT": st.integers().map(str),
        "TYPE_MAP": st.dictionaries(st.text(), st.integers()).map(json.dumps),
        "TYPE_LIST": st.lists(st.integers()).map(json.dumps),
        "TYPE_UUID": st.uuids().map(str),
    }
    text = data.draw(values.get(name, st.nothing()) | st.text())
    method = Method("m", (Argument("a", ValueType(name), optional=optional),))
    if method_form("C", method, {"a": text}).good:
        assert all(ValueType(name).accepts(value) for value in arguments(method, {"a": text}).values())


def test_the_ticket_that_a_call_concerns() -> None:
    assert concerned("Ticket:db", {"name": "db"}, {}) == "db"
    assert concerned("Replica:db:lyon", {"ticket": "db"}, {}) == "db"
    assert concerned("Site:paris", {"name": "paris"}, {"ticket": "db"}) == "db"
    assert concerned("Site:paris", {"name": "paris"}, {}) == ""


def test_properties() -> None:
    rows = {row.name: row for row in properties(told("Ticket"))}
    assert (rows["name"].notes, rows["name"].access) == ("names the object", "read")
    assert rows["granted"].access == "read and write"
    assert rows["last_granted"].type == "an integer, nanoseconds since the epoch"


def test_many_objects_are_cut_and_counted() -> None:
    objects = [Object("paris", "Resource", f"Resource:r{number:05}", {}) for number in range(10_000)]
    shown = object_rows(objects, "")
    assert (len(shown.rows), shown.found, shown.total) == (MOST, 10_000, 10_000)
    found = object_rows(objects, "R0000")
    assert (len(found.rows), found.found) == (10, 10)


def test_values_as_text() -> None:
    item = Object(
        "paris", "Ticket", "Ticket:db", {"name": "db", "granted": True, "last_granted": 0, "resources": ["a"]}
    )
    values = {value.name: value.text for value in object_values(told("Ticket"), item)}
    assert values == {"name": "db", "granted": "yes", "last_granted": "never", "resources": "a"}


@pytest.mark.parametrize(
    ("value", "text", "block"),
    [
        (7, "7", False),
        (["a", "b"], "a, b", False),
        ({"a": 1}, '{\n  "a": 1\n}', True),
        ([{"a": "é"}], '[\n  {\n    "a": "é"\n  }\n]', True),
        ("<a/>", "<a/>", True),
        ("one\ntwo", "one\ntwo", True),
    ],
)
def test_results(value: Any, text: str, block: bool) -> None:
    method = Method("m", (Argument("a", XML_TYPES["map"], dir="O", desc="what it is"),))
    shown, extra = result_values(method, {"unknown": str(uuid4()), "a": value})
    assert (shown.name, shown.text, shown.desc, shown.block) == ("a", text, "what it is", block)
    assert extra.name == "unknown"
