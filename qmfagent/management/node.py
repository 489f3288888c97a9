"""The management node: a request in; a response, or the work that leads to one, out.

Rules of this file: every request is answered, once; `receive` raises nothing for any request. What is wrong with one is said in
its statusDescription, for people. A request is for the node itself where its type says so, or where it names nothing else; any
other is for an entity.
Source: AMQP Management Version 1.0 (working draft), section 4 (the management node).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qmfagent.errors import ManagementError, QmfAgentError
from qmfagent.management.arguments import text_property
from qmfagent.management.changes import Changes, Work, answer, target
from qmfagent.management.discovery import Discovery
from qmfagent.management.entities import IDENTITY, NAME, TYPE, Entities, EntityTypes
from qmfagent.management.failure import status_of
from qmfagent.management.message import NODE_TYPE, SELF, Request, Response, Status
from qmfagent.management.query import answer_query
from qmfagent.management.verbs import CREATE, DELETE, READ, UPDATE, Verbs
from qmfagent.qmf.fields import shown
from qmfagent.qmf.queries import ObjectSource
from qmfagent.qmf.schema import Schema


class ManagementNode:
    """One management node, sans-I/O."""

    def __init__(
        self,
        schema: Schema,
        view: Callable[[str], ObjectSource],
        verbs: Verbs,
        nodes: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`view` gives the objects that a user may see, `nodes` the addresses of the known management nodes, this first."""
        self._types = EntityTypes(schema)
        self._view = view
        self._changes = changes = Changes(verbs)
        discovery = Discovery(self._types, verbs)
        self._own: dict[str, Callable[[Request, Entities], Any]] = {
            "QUERY": lambda request, entities: answer_query(request, entities, discovery.selected(request)),
            "GET-TYPES": lambda request, entities: discovery.types(request),
            "GET-ATTRIBUTES": lambda request, entities: discovery.attributes(request),
            "GET-OPERATIONS": lambda request, entities: discovery.operations(request),
            "GET-ANNOTATIONS": lambda request, entities: discovery.annotations(request),
            "GET-MGMT-NODES": lambda request, entities: list(nodes()),
        }
        self._standard: dict[str, Callable[[Request, Entities], Response | Work]] = {
            CREATE: changes.create,
            READ: _read,
            UPDATE: changes.update,
            DELETE: changes.delete,
        }

    def receive(self, request: Request) -> Response | Work:
        """Take one request; give its response, or the work that leads to it."""
        try:
            operation = text_property(request, "operation").upper()
            if not operation:
                known = ", ".join([*self._own, *self._standard])
                raise ManagementError(Status.BAD_REQUEST, "the request names no operation", hint=f"known are: {known}")
            entities = Entities(self._types, self._view(request.user))
            if _for_node(request):
                return answer(request, self._own_operation(operation)(request, entities))
            if operation in self._standard:
                return self._standard[operation](request, entities)
            return self._changes.invoke(request, entities, operation)
        except QmfAgentError as error:
            return self.failure(request, error)

    def failure(self, request: Request, error: QmfAgentError, reason: str = "", done: Sequence[str] = ()) -> Response:
        """The response to a request that was not met.

        `reason` is the name of what went wrong, where it has one; `done` are the methods that were carried out before.
        """
        text = f"{', '.join(done)} was done, but then: {error}" if done else str(error)
        status = status_of(error, authenticated=request.authenticated)
        body = {"reason": reason} if reason else {}
        return Response(request.reply_to, request.correlation_id, status, f"{status.phrase}: {text}", body)

    def _own_operation(self, operation: str) -> Callable[[Request, Entities], Any]:
        if operation not in self._own:
            raise ManagementError(
                Status.NOT_IMPLEMENTED,
                f"the management node has no operation {shown(operation)}",
                hint=f"possible are: {', '.join(self._own)}; for an entity, give its type and its name or identity",
            )
        return self._own[operation]


def _read(request: Request, entities: Entities) -> Response:
    entity_type, data = target(request, entities)
    return answer(request, entity_type.entity(data))


def _for_node(request: Request) -> bool:
    type_name = text_property(request, TYPE)
    if type_name:
        return type_name == NODE_TYPE
    return (text_property(request, IDENTITY) or text_property(request, NAME) or SELF) == SELF
