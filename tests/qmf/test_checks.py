"""Values against the schema: what is accepted, and what an error names."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from qmfagent.errors import SchemaError
from qmfagent.qmf.checks import check_arguments, check_results, check_values
from qmfagent.qmf.classes import SchemaClass
from qmfagent.qmf.schema import load
from qmfagent.qmf.value_type import XML_TYPES

XML = b"""<schema package="p"><class name="Disk">
  <property name="name" type="sstr"/><property name="size" type="uint8"/>
  <property name="label" type="sstr" optional="y"/>
  <method name="move"><arg name="to" type="sstr"/><arg name="force" type="bool" default="false"/>
    <arg name="speed" type="uint8" dir="IO" default="3"/><arg name="took" type="deltaTime" dir="O"/></method>
  <method name="stop"/>
</class></schema>"""
DISK: SchemaClass = load(XML).classes[0]
MOVE, STOP = DISK.methods


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("sstr", ["", "a" * 70000], [b"\xff", 1, None]),
        ("bool", [True, False], [0, 1, "true", None]),
        ("uint8", [0, 255], [-1, 256, True, 1.0, "1", None]),
        ("int16", [-32768, 32767], [-32769, 32768]),
        ("uint64", [2**64 - 1], [2**64]),
        ("absTime", [0, 1_795_487_610_000_000_000], [-1, "now"]),
        ("double", [1.5, 1], [True, "1"]),
        ("map", [{}, {"a": 1}], [[], None]),
        ("list", [[], (1,)], [{}, "a"]),
        ("uuid", [UUID(int=1)], ["00000000-0000-0000-0000-000000000001", b"1" * 16]),
        ("objId", [{"_object_name": "a"}], ["a"]),
    ],
)
def test_a_type_accepts_its_values_and_no_others(name: str, good: list[Any], bad: list[Any]) -> None:
    assert all(XML_TYPES[name].accepts(value) for value in good)
    assert not any(XML_TYPES[name].accepts(value) for value in bad)


def test_values_that_fit_pass() -> None:
    check_values(DISK, {"name": "a", "size": 1, "label": "b"})
    check_values(DISK, {"name": "a", "size": 1, "label": None})
    check_values(DISK, {"name": "a", "size": 1})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "a"}, "Disk.size is missing: an integer from 0 to 255 is required"),
        ({"name": "a", "size": "1"}, "Disk.size: expected an integer from 0 to 255, got a string"),
        ({"name": "a", "size": 256}, "Disk.size: expected an integer from 0 to 255, got the integer 256"),
        ({"name": None, "size": 1}, "Disk.name: expected a string, got void"),
        (
            {"name": "a", "size": 1, "colour": "red"},
            "Disk has no property 'colour'; known are: name, size, label",
        ),
    ],
)
def test_values_that_do_not_fit_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError) as caught:
        check_values(DISK, values)
    assert str(caught.value) == message


def test_defaults_are_filled_in() -> None:
    assert check_arguments(DISK, MOVE, {"to": "b"}) == {"to": "b", "force": False, "speed": 3}
    assert check_arguments(DISK, MOVE, {"to": "b", "force": True, "speed": 0}) == {
        "to": "b",
        "force": True,
        "speed": 0,
    }
    assert check_arguments(DISK, STOP, {}) == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Disk.move: argument to is missing: a string is required"),
        ({"to": 1}, "Disk.move: argument to: expected a string, got the integer 1"),
        ({"to": "b", "force": 1}, "Disk.move: argument force: expected a boolean, got the integer 1"),
        ({"to": "b", "force": None}, "Disk.move: argument force: expected a boolean, got void"),
        ({"to": "b", "took": 1}, "Disk.move has no argument 'took'; known are: to, force, speed"),
        ({"to": "b", "x" * 100: 1}, f"Disk.move has no argument '{'x' * 60}'...; known are: to, force, speed"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError) as caught:
        check_arguments(DISK, MOVE, arguments)
    assert str(caught.value) == message


def test_a_method_without_arguments_says_so() -> None:
    with pytest.raises(SchemaError, match=r"Disk\.stop has no argument 'now'; it takes no argument"):
        check_arguments(DISK, STOP, {"now": True})


def test_results_are_the_output_arguments() -> None:
    assert check_results(DISK, MOVE, {"speed": 1, "took": 5}) == {"speed": 1, "took": 5}
    with pytest.raises(SchemaError, match="argument took is missing"):
        check_results(DISK, MOVE, {"speed": 1})
    with pytest.raises(SchemaError, match="has no argument 'to'"):
        check_results(DISK, MOVE, {"to": "b", "took": 5})
