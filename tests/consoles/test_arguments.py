"""Arguments as somebody writes them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consoles.arguments import inputs, read_argument
from qmfagent.errors import SchemaError
from qmfagent.qmf.classes import Argument, Method
from qmfagent.qmf.value_type import TYPE_NAMES, XML_TYPES, ValueType

IDENTIFIER = UUID("5b2a4c0e-7d3f-5c61-9a58-3f0e6c1b7d94")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("bool", "true", True),
        ("uint32", "7", 7),
        ("double", "0.5", 0.5),
        ("lstr", "7", "7"),
        ("list", '["a", 1]', ["a", 1]),
        ("map", '{"a": {"b": true}}', {"a": {"b": True}}),
        ("uuid", str(IDENTIFIER), IDENTIFIER),
    ],
)
def test_each_type_is_read(kind: str, text: str, value: Any) -> None:
    assert read_argument(Argument("a", XML_TYPES[kind]), text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("bool", "yes"),
        ("uint32", "-1"),
        ("uint32", "1.5"),
        ("list", "{}"),
        ("map", "["),
        ("uuid", "7"),
        ("list", "[" * 5000),
    ],
)
def test_what_does_not_fit_names_the_argument(kind: str, text: str) -> None:
    with pytest.raises(SchemaError, match=r"argument 'a': .* is not "):
        read_argument(Argument("a", XML_TYPES[kind]), text)


@given(st.sampled_from(sorted(TYPE_NAMES)), st.text())
def test_any_text_is_a_value_of_the_type_or_an_error(name: str, text: str) -> None:
    kind = ValueType(name)
    with suppress(SchemaError):
        assert kind.accepts(read_argument(Argument("a", kind), text))


def test_what_comes_back_is_no_input() -> None:
    directions = [Argument(each, XML_TYPES["bool"], dir=each) for each in ("I", "O", "IO")]
    assert list(inputs(Method("m", tuple(directions)))) == ["I", "IO"]
