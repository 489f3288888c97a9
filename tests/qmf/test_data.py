"""Objects and their ids as maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qmfagent.errors import ProtocolError, SchemaError
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.schema import Schema


@pytest.mark.parametrize(
    "source",
    [
        {"_object_name": "a"},
        {"_object_name": "a", "_agent_name": "x:y:z"},
        {"_object_name": "a", "_agent_name": "x:y:z", "_agent_epoch": 7},
        {"_object_name": "org.apache.qpid.broker:queue:q", "_agent_epoch": 1},
    ],
)
def test_an_object_id_is_echoed_exactly_as_it_was_given(source: dict[str, Any]) -> None:
    assert ObjectId.from_map(source).to_map() == source


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"_object_name": 1},
        {"_object_name": "a", "_agent_name": 1},
        {"_object_name": "a", "_agent_epoch": "1"},
        {"_object_name": "a", "_agent_epoch": -1},
        {"_object_name": "a", "_agent_epoch": 1 << 32},
        {"_object_name": "a", "_agent_epoch": True},
    ],
)
def test_an_object_id_that_is_wrong_is_a_protocol_error(source: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="object id"):
        ObjectId.from_map(source)


def test_an_object_survives_its_map_form(node: Callable[..., Data]) -> None:
    data = node("n1", create_ts=1, update_ts=2).deleted(3)
    source = data.to_map("x:y:z")
    assert (source["_create_ts"], source["_update_ts"], source["_delete_ts"]) == (1, 2, 3)
    assert source["_object_id"] == {"_object_name": "Node:n1", "_agent_name": "x:y:z"}
    again = Data.from_map(source)
    assert again.to_map("other") == source
    assert (again.values, again.class_name) == (data.values, "Node")


def test_unknown_times_are_left_out(node: Callable[..., Data]) -> None:
    assert set(node("n1").to_map("x:y:z")) == {"_object_id", "_schema_id", "_values"}


def test_an_object_that_does_not_fit_its_class_is_not_made(schema: Schema) -> None:
    with pytest.raises(SchemaError, match=r"Node\.site is missing"):
        Data.of(schema.object_class("Node"), "Node:n1", {"name": "n1"})


@pytest.mark.parametrize("missing", ["_object_id", "_schema_id", "_values"])
def test_an_object_that_lacks_a_part_is_a_protocol_error(node: Callable[..., Data], missing: str) -> None:
    source = node("n1").to_map("x:y:z")
    del source[missing]
    with pytest.raises(ProtocolError, match=f"{missing} is missing"):
        Data.from_map(source)
