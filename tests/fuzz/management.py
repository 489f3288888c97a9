"""Hypothesis strategies of AMQP Management requests: real ones with anything in the place of anything.

Rules of this file: as in messages.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import proton
from hypothesis import strategies as st

from tests.fuzz.messages import ODD, places, put, sendable
from tests.fuzz.target import SITE

PACKAGE = "org.clusterlabs.qmfagent"
REQUESTS: list[tuple[dict[str, Any], Any]] = [
    ({"operation": "QUERY", "type": "org.amqp.management", "entityType": "Ticket"}, {"attributeNames": []}),
    (
        {"operation": "QUERY", "entityType": f"{PACKAGE}.Resource", "offset": 0, "count": 1},
        {"attributeNames": ["name", "id"]},
    ),
    ({"operation": "READ", "type": "Ticket", "name": "T"}, None),
    ({"operation": "READ", "identity": f"Site:{SITE}"}, {}),
    ({"operation": "UPDATE", "type": "Ticket", "identity": "Ticket:T"}, {"granted": True, "standby": "no"}),
    ({"operation": "CREATE", "type": "Plan", "name": "p"}, {"ticket": "T", "adopt": "false"}),
    ({"operation": "DELETE", "type": "Plan", "name": "p"}, None),
    ({"operation": "query", "identity": f"Site:{SITE}", "path": "/cib"}, {}),
    ({"operation": "events", "type": "Site", "name": SITE}, {"since": 0, "limit": 10}),
    ({"operation": "standby", "type": "Ticket", "name": "T"}, None),
    *(
        ({"operation": name, "name": "self", "type": "org.amqp.management"}, None)
        for name in ("GET-TYPES", "GET-ATTRIBUTES", "GET-OPERATIONS", "GET-ANNOTATIONS", "GET-MGMT-NODES", "none")
    ),
]


@dataclass(frozen=True)
class Asked:
    """One management request. `reply_to` None is the peer's own reply node."""

    properties: dict[str, Any]
    body: Any
    reply_to: str | None
    number: Any

    def encode(self, own_reply: str) -> bytes:
        """The message's bytes."""
        message = proton.Message(properties=self.properties, body=self.body)
        message.reply_to = own_reply if self.reply_to is None else self.reply_to
        message.correlation_id = self.number
        return bytes(message.encode())


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    """A real request, up to two places of which hold something else."""
    properties, body = draw(st.sampled_from(REQUESTS))
    for _ in range(draw(st.integers(0, 2))):
        if draw(st.booleans()):
            names = [*properties, "locales", "entityType", "count"]
            properties = {**properties, draw(st.sampled_from(names)): draw(ODD)}
        else:
            body = put(body, draw(st.sampled_from(places(body))), draw(ODD))
    reply_to = draw(st.sampled_from([None, None, None, "nowhere", "$management", "/", "n" * 65_536]))
    number = draw(st.sampled_from([1, "1", b"\xff", proton.ulong(2**64 - 1), "c" * 70_000]))
    return sendable(Asked(properties, body, reply_to, number))
