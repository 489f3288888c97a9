"""What holds for every request: one response, whatever is in it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.errors import (
    BusError,
    CibError,
    ConfigurationChanged,
    Disconnected,
    ManagementError,
    QmfAgentError,
    Refused,
    RemoteError,
    SchemaError,
    SiteFileError,
    UnknownObject,
    UnknownTicket,
)
from qmfagent.management.changes import Work
from qmfagent.management.message import Request, Status
from qmfagent.qmf.schema import Schema
from tests.management.conftest import PACKAGE, Client

OPERATIONS = ["QUERY", "GET-TYPES", "READ", "CREATE", "UPDATE", "DELETE", "GRANT", "PLAN", "APPLY", "FOO"]
TYPES = ["org.amqp.management", *(f"{PACKAGE}.{name}" for name in ("Ticket", "Site", "Plan", "Node"))]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
properties = st.fixed_dictionaries(
    {},
    optional={
        "operation": st.sampled_from(OPERATIONS) | values,
        "type": st.sampled_from(TYPES) | values,
        "name": st.sampled_from(["db", "web", "paris", "self"]) | values,
        "identity": st.sampled_from(["Ticket:db", "Site:paris", "self"]) | values,
        "entityType": st.sampled_from(TYPES) | values,
        "offset": values,
        "count": values,
        "ticket": values,
        "traceparent": values,
    },
)
bodies = values | st.dictionaries(
    st.sampled_from(["granted", "standby", "name", "type", "ticket", "adopt", "attributeNames", "resources", "path"]),
    values,
)


@given(properties=properties, body=bodies)
def test_every_request_has_one_response_or_leads_to_one(schema: Schema, properties: dict[str, Any], body: Any) -> None:
    outcome = Client(schema).node.receive(Request(properties, body, "reply", 7, "anonymous"))
    if isinstance(outcome, Work):
        assert outcome.request.reply_to == "reply"
        return
    assert (outcome.to, outcome.correlation_id) == ("reply", 7)
    assert outcome.status in (Status.OK, 400, 403, 404, 501)
    assert outcome.description.startswith(outcome.status.phrase)


@pytest.mark.parametrize("correlation_id", [None, "1", 7, b"\xff", UUID(int=5)])
def test_the_correlation_id_is_copied_as_it_is(client: Client, correlation_id: Any) -> None:
    for operation in ("GET-TYPES", "NONSENSE"):
        response = client.request(Request({"operation": operation}, None, "reply", correlation_id, "anonymous"))
        assert response.correlation_id == correlation_id


def test_a_request_without_operation_is_told_which_there_are(client: Client) -> None:
    response = client.request(Request({}, None, "reply", "1", "anonymous"))
    assert response.status is Status.BAD_REQUEST
    assert "known are: QUERY, GET-TYPES" in response.description


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refused("forbidden", "no"), 403),
        (Refused("unknown-token", "no"), 404),
        (Refused("split", "no"), 409),
        (Refused("busy", "no"), 500),
        (Refused("interrupted", "no"), 500),
        (Refused("internal", "no"), 500),
        (ConfigurationChanged("no"), 409),
        (UnknownTicket("no"), 404),
        (UnknownObject("no"), 404),
        (SchemaError("no"), 400),
        (CibError("no"), 400),
        (SiteFileError("no"), 500),
        (Disconnected("no"), 500),
        (BusError("no"), 500),
        (RemoteError("no", reason="clash"), 409),
        (RemoteError("no"), 500),
        (ManagementError(501, "no"), 501),
    ],
)
def test_an_error_has_its_status_and_is_told_in_words(client: Client, error: QmfAgentError, status: int) -> None:
    request = Request({}, None, "reply", "1", "CN=eve", authenticated=True)
    response = client.node.failure(request, error, "why")
    assert (response.status, response.body) == (status, {"reason": "why"})
    assert response.description == f"{Status(status).phrase}: no"


def test_who_has_not_proved_who_it_is_may_try_to(client: Client) -> None:
    request = Request({}, None, "reply", "1", "anonymous")
    assert client.node.failure(request, Refused("forbidden", "no")).status is Status.UNAUTHORIZED


def test_a_failure_tells_what_was_done_before(client: Client) -> None:
    request = Request({}, None, "reply", "1", "CN=admin")
    response = client.node.failure(request, BusError("no"), done=["grant"])
    assert response.description == "Internal Server Error: grant was done, but then: no"


def test_a_user_sees_his_own_objects(schema: Schema) -> None:
    client, asked = Client(schema), []

    def view(user: str) -> Any:
        asked.append(user)
        return client.objects

    client.node._view = view
    client.ask("GET-TYPES")
    assert asked == ["CN=admin"]
