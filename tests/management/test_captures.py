"""What qdmanage has really sent, and what it was content with as an answer.

Every recorded request is sent as AMQP to our node, its types and names being replaced by ours; the answer must have the form
and the status of the recorded one, but where it can do less here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import proton
import pytest

from qmfagent.bus.messages.management import encode_response, read_request
from qmfagent.bus.security.identity import Identity
from tests.management.conftest import NODE, TICKET, Client

CAPTURE = Path(__file__).parent / "captures" / "qdmanage-wire.txt"
OURS = {
    "org.lab.cib.ticket": TICKET,
    "org.lab.cib.primitive": NODE,
    "org.lab.cib.ticket/ticketA": "Ticket:db",
    "ticketA": "db",
    "rsc1": "n1",
    "agent": "id",
}
DIFFERENT = {
    # The recorded node let primitives be made and changed; ours are the cluster's own.
    ("CREATE", NODE, "r2"): 501,
    ("UPDATE", NODE, "r2"): 404,
    ("UPDATE", NODE, "n1"): 403,
    ("DELETE", NODE, "r2"): 404,
    # It took a type that is none for one without entities.
    ("QUERY", "org.amqp.management", "self"): 404,
    ("GRANT", TICKET, "db"): 400,
}
"""The status of what differs; for QUERY of an unknown type alone, for GRANT since ours takes no argument."""


def exchanges() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each recorded request with its response."""
    text = CAPTURE.read_text()
    for request, response in re.findall(r"^REQUEST (\{.*?\})\nRESPONSE (\{.*?\})$", text, re.S | re.M):
        # A response is cut off at the first line that ends in a brace.
        start = text.index(response)
        whole = text[start:].split("\nATTACH", 1)[0]
        yield ours(ast.literal_eval(request)), ast.literal_eval(whole)


def ours(value: Any) -> Any:
    """A recorded value with our names."""
    if isinstance(value, dict):
        return {OURS.get(key, key): ours(item) for key, item in value.items()}
    if isinstance(value, list):
        return [ours(item) for item in value]
    return OURS.get(value, value) if isinstance(value, str) else value


EXCHANGES = list(exchanges())


def over_the_wire(request: dict[str, Any]) -> proton.Message:
    """The request as the node finds it."""
    message = proton.Message(
        properties=request["application_properties"],
        body=request["body"],
        correlation_id=request["correlation_id"],
        reply_to=request["reply_to"],
    )
    received = proton.Message()
    received.decode(message.encode())
    return received


def expected_status(properties: dict[str, Any], recorded: int) -> int:
    key = (properties["operation"], properties.get("type", ""), properties.get("name", ""))
    if key[0] == "QUERY" and properties.get("entityType") in (None, TICKET, NODE):
        return recorded
    return DIFFERENT.get(key, recorded)


def test_the_capture_is_read_whole() -> None:
    assert len(EXCHANGES) == CAPTURE.read_text().count("\nREQUEST ") == 19


@pytest.mark.parametrize(("request_", "recorded"), EXCHANGES)
def test_a_recorded_request_is_answered_as_recorded(
    client: Client, request_: dict[str, Any], recorded: dict[str, Any]
) -> None:
    request = read_request(over_the_wire(request_), Identity("CN=admin", authenticated=True))
    assert request is not None
    response = client.request(request)
    sent = proton.Message()
    sent.decode(encode_response(response))
    assert sent.address == request_["reply_to"]
    assert sent.correlation_id == request_["correlation_id"]
    assert sent.properties.keys() == recorded["application_properties"].keys()
    status = expected_status(request_["application_properties"], recorded["application_properties"]["statusCode"])
    assert (sent.properties["statusCode"], type(sent.properties["statusCode"])) == (status, proton.int32)
    if status == recorded["application_properties"]["statusCode"]:
        assert type(sent.body) is type(recorded["body"])
        if "results" in recorded["body"]:
            assert sent.body.keys() == recorded["body"].keys()
            assert all(len(row) == len(sent.body["attributeNames"]) for row in sent.body["results"])
