"""QUERY: columns, rows, pages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.management.message import Status
from qmfagent.qmf.schema import Schema
from tests.management.conftest import MANAGEMENT, NODE, SITE, TICKET, Client


def query(client: Client, names: Any = None, **properties: Any) -> dict[str, Any]:
    response = client.ask("QUERY", {"attributeNames": names or []}, **MANAGEMENT, **properties)
    assert response.status is Status.OK
    assert isinstance(response.body, dict)
    return response.body


def test_without_names_all_attributes_are_columns(client: Client) -> None:
    body = query(client, entityType=NODE)
    assert body["attributeNames"] == ["id", "identity", "maintenance", "name", "online", "site", "standby", "type"]
    assert body["results"][0] == ["", "Node:n1", False, "n1", True, "", False, NODE]


def test_columns_are_those_asked_for_and_null_where_there_is_no_such_attribute(client: Client) -> None:
    body = query(client, ["name", "granted", "nonsense"])
    assert body["attributeNames"] == ["name", "granted", "nonsense"]
    assert body["results"] == [
        ["paris", None, None],
        ["db", True, None],
        ["web", False, None],
        ["n1", None, None],
        ["web", None, None],
    ]


def test_a_query_without_body_asks_for_everything(client: Client) -> None:
    response = client.ask("QUERY", None, **MANAGEMENT, entityType=SITE)
    assert isinstance(response.body, dict)
    assert dict(zip(response.body["attributeNames"], response.body["results"][0], strict=True))["resources"] == 3


def test_times_are_integers(client: Client) -> None:
    assert query(client, ["last_granted"], entityType=TICKET)["results"][0] == [1_795_487_610_000_000_000]


@given(count=st.integers(1, 9), total=st.integers(0, 30))
def test_pages_make_up_the_whole(schema: Schema, count: int, total: int) -> None:
    client = Client(schema)
    for number in range(total):
        client.objects.add(f"Ticket:t{number}", name=f"t{number}")
    whole = query(client, ["identity"])["results"]
    pages, offset = [], 0
    while page := query(client, ["identity"], offset=offset, count=count)["results"]:
        assert len(page) <= count
        pages += page
        offset += count
    assert pages == whole
    assert len({row[0] for row in whole}) == total + 5


def test_numbers_may_be_text(client: Client) -> None:
    assert len(query(client, ["name"], offset="1", count="2")["results"]) == 2
    assert query(client, ["name"], offset=1 << 62, count=1 << 62)["results"] == []


@pytest.mark.parametrize("wrong", [-1, 1 << 63, True, "-1", "x", "9" * 50, 1.5, [1], "1.0"])
@pytest.mark.parametrize("name", ["offset", "count"])
def test_a_wrong_number_is_a_bad_request(client: Client, name: str, wrong: Any) -> None:
    response = client.ask("QUERY", {}, **MANAGEMENT, **{name: wrong})
    assert response.status is Status.BAD_REQUEST
    assert response.description.startswith(f"Bad Request: {name}: a number from 0 is expected")


@pytest.mark.parametrize("body", ["text", [], {"attributeNames": "name"}, {"attributeNames": [1]}])
def test_a_wrong_body_is_a_bad_request(client: Client, body: Any) -> None:
    assert client.ask("QUERY", body, **MANAGEMENT).status is Status.BAD_REQUEST


def test_an_unknown_type_is_not_found(client: Client) -> None:
    response = client.ask("QUERY", {}, **MANAGEMENT, entityType="Ticket")
    assert response.status is Status.NOT_FOUND
    assert TICKET in response.description
