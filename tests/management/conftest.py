"""A management node over objects in memory, asked as a client would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from qmfagent.agent import load_schema
from qmfagent.errors import ManagementError, QmfAgentError
from qmfagent.management.changes import Work
from qmfagent.management.message import Request, Response, Status
from qmfagent.management.node import ManagementNode
from qmfagent.management.verbs import Creation, Verbs
from qmfagent.qmf.agent import MethodCall
from qmfagent.qmf.data import Data
from qmfagent.qmf.schema import Schema

PACKAGE = "org.clusterlabs.qmfagent"
TICKET, NODE, SITE, PLAN = (f"{PACKAGE}.{name}" for name in ("Ticket", "Node", "Site", "Plan"))
MANAGEMENT = {"type": "org.amqp.management", "name": "self"}


def _nothing(results: Mapping[str, Any]) -> ManagementError:
    return ManagementError(Status.CONFLICT, "nothing to plan")


VERBS = Verbs(
    updates={
        ("Ticket", "granted"): {True: "grant", False: "revoke"},
        ("Ticket", "standby"): {True: "standby", False: "activate"},
    },
    creations={"Plan": Creation("Site", "plan", "token", _nothing)},
    deletions={"Plan": "discard"},
)


class Objects:
    """Objects by name; the defaults are a site, two tickets and two nodes, one of which has the name of a ticket."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._objects: dict[str, Data] = {}
        self.add("Site:paris", name="paris", resources=3)
        self.add("Ticket:db", name="db", granted=True, last_granted=1_795_487_610_000_000_000)
        self.add("Ticket:web", name="web")
        self.add("Node:n1", name="n1", online=True)
        self.add("Node:web", name="web")

    def add(self, object_name: str, **values: Any) -> None:
        """Add an object; properties that are not given have the empty value of their type."""
        schema_class = self._schema.object_class(object_name.partition(":")[0])
        empty = {"TYPE_BOOL": False, "TYPE_INT": 0, "TYPE_LIST": [], "TYPE_MAP": {}}
        complete = {item.name: empty.get(item.type.name, "") for item in schema_class.properties} | values
        self._objects[object_name] = Data.of(schema_class, object_name, complete)

    def objects(self, class_name: str) -> Iterable[Data]:
        return [data for data in self._objects.values() if data.class_name == class_name]

    def find(self, object_name: str) -> Data | None:
        return self._objects.get(object_name)


class Client:
    """Asks the node; calls are carried out by writing them down, and by giving the out arguments in `results`."""

    def __init__(self, schema: Schema) -> None:
        self.objects = Objects(schema)
        self.nodes = ["amqp://here/$management"]
        self.node = ManagementNode(schema, lambda user: self.objects, VERBS, lambda: self.nodes)
        self.calls: list[MethodCall] = []
        self.results: dict[str, Mapping[str, Any]] = {}

    def ask(self, operation: Any, body: Any = None, **properties: Any) -> Response:
        """The response to a request."""
        properties = {"operation": operation, **properties}
        return self.request(Request(properties, body, "reply", "1", "CN=admin", authenticated=True))

    def request(self, request: Request) -> Response:
        outcome = self.node.receive(request)
        if isinstance(outcome, Work):
            self.calls += outcome.calls
            try:
                return outcome.finish([self.results.get(call.method, {}) for call in outcome.calls])
            except QmfAgentError as error:
                return self.node.failure(request, error)
        return outcome

    @property
    def called(self) -> list[tuple[str, str]]:
        """The calls so far: object and method."""
        return [(call.object_id.object_name, call.method) for call in self.calls]


@pytest.fixture(scope="session")
def schema() -> Schema:
    return load_schema()


@pytest.fixture
def client(schema: Schema) -> Client:
    return Client(schema)
