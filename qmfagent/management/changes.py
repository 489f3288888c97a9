"""Requests that change something, or call an operation of a type: as method calls of QMF.

Rules of this file: nothing is done here. A request becomes the method calls that it stands for, checked against the schema, and
a way to answer it once they are carried out: there is one path to every deed, whichever protocol asks for it.
Source: AMQP Management Version 1.0 (working draft), section 3.3 (CREATE, UPDATE, DELETE, other operations).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qmfagent.errors import ManagementError, SchemaError
from qmfagent.management.arguments import arguments_of, attribute_value, body_map, converted, text_property
from qmfagent.management.entities import IDENTITY, KEYS, NAME, TYPE, Entities, EntityType
from qmfagent.management.message import Request, Response, Status
from qmfagent.management.verbs import Verbs
from qmfagent.qmf.agent import MethodCall
from qmfagent.qmf.checks import check_arguments
from qmfagent.qmf.classes import Method, SchemaClass
from qmfagent.qmf.data import Data
from qmfagent.qmf.fields import shown
from qmfagent.qmf.message import Address

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """What leads to the response to `request`: `calls`, to be carried out one after the other until one fails.

    `finish` makes the response from the out arguments of all of them; it raises QmfAgentError where they did not lead to it.
    """

    request: Request
    calls: tuple[MethodCall, ...]
    finish: Callable[[Sequence[Results]], Response]


class Changes:
    """Turns requests into work. Every method raises QmfAgentError for a request that can't be met."""

    def __init__(self, verbs: Verbs) -> None:
        self._verbs = verbs

    def create(self, request: Request, entities: Entities) -> Work:
        """CREATE: the call that makes an entity; the response shows it."""
        entity_type = entities.types.named(text_property(request, TYPE))
        class_name = entity_type.schema_class.name
        creation = self._verbs.creations.get(class_name)
        if creation is None:
            raise self._not_possible(entity_type, "created")
        attributes = {key: value for key, value in body_map(request).items() if key not in KEYS}
        if text_property(request, NAME) or any(body_map(request).get(key) for key in (NAME, IDENTITY)):
            raise SchemaError(f"a {class_name} is given its name by the agent", hint="leave name and identity out")
        maker = entities.only(creation.maker)
        maker_class = entities.types.of_class(creation.maker).schema_class
        method = maker_class.method(creation.method)
        assert method is not None
        types = {item.name: item.type for item in method.arguments}
        given = {key: converted(key, value, types[key]) if key in types else value for key, value in attributes.items()}

        def finish(results: Sequence[Results]) -> Response:
            key = results[0][creation.key]
            if not key:
                raise creation.why_not(results[0])
            _, data = entities.find(entity_type.name, "", f"{class_name}:{key}")
            return answer(request, entity_type.entity(data), Status.CREATED)

        return Work(request, (_call(request, maker, maker_class, method, given),), finish)

    def update(self, request: Request, entities: Entities) -> Work:
        """UPDATE: a call for each attribute that is to have another value; the response shows the entity with the new ones."""
        entity_type, data = target(request, entities)
        current = entity_type.entity(data)
        wanted = self._wanted(entity_type, current, body_map(request))
        calls = []
        for item in entity_type.schema_class.properties:
            if item.name in wanted:
                name = self._verbs.updates[entity_type.schema_class.name, item.name][wanted[item.name]]
                method = entity_type.schema_class.method(name)
                assert method is not None
                calls.append(_call(request, data, entity_type.schema_class, method, {}))
        # Not read again: the new state may not have come back from the cluster yet.
        return Work(request, tuple(calls), lambda results: answer(request, {**current, **wanted}))

    def delete(self, request: Request, entities: Entities) -> Work:
        """DELETE: the call that removes an entity."""
        entity_type, data = target(request, entities)
        name = self._verbs.deletions.get(entity_type.schema_class.name)
        if name is None:
            raise self._not_possible(entity_type, "deleted")
        method = entity_type.schema_class.method(name)
        assert method is not None
        call = _call(request, data, entity_type.schema_class, method, {})
        return Work(request, (call,), lambda results: answer(request, {}, Status.NO_CONTENT))

    def invoke(self, request: Request, entities: Entities, operation: str) -> Work:
        """Any other operation: the method of that name; the response has its out arguments."""
        entity_type, data = target(request, entities)
        method = entity_type.method(operation)
        if method is None:
            possible = ", ".join(self._verbs.operations(entity_type))
            raise ManagementError(
                Status.NOT_IMPLEMENTED,
                f"{entity_type.name} has no operation {shown(operation)}",
                hint=f"possible are: {possible}",
            )
        call = _call(request, data, entity_type.schema_class, method, arguments_of(request, method.arguments))
        return Work(request, (call,), lambda results: answer(request, results[0]))

    def _wanted(self, entity_type: EntityType, current: Results, body: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes that are to have another value, all of which can be changed."""
        wanted = {}
        for name, value in body.items():
            item = entity_type.property_of(name)
            if item is None and name not in KEYS:
                known = ", ".join(entity_type.attributes)
                raise SchemaError(f"{entity_type.name} has no attribute {shown(name)}", hint=f"known are: {known}")
            new = attribute_value(item, value) if item else value
            if new == current[name]:
                continue
            if new not in self._verbs.updates.get((entity_type.schema_class.name, name), ()):
                changeable = [
                    attribute for kind, attribute in self._verbs.updates if kind == entity_type.schema_class.name
                ]
                raise ManagementError(
                    Status.FORBIDDEN,
                    f"attribute {name} of {entity_type.name} can't be changed to another value",
                    hint=f"only these can: {', '.join(changeable)}" if changeable else "none of its attributes can",
                )
            wanted[name] = new
        return wanted

    def _not_possible(self, entity_type: EntityType, what: str) -> ManagementError:
        possible = ", ".join(self._verbs.operations(entity_type))
        return ManagementError(
            Status.NOT_IMPLEMENTED,
            f"a {entity_type.schema_class.name} can't be {what}",
            hint=f"possible are: {possible}",
        )


def target(request: Request, entities: Entities) -> tuple[EntityType, Data]:
    """The entity that a request is about, with its type. Raises as Entities.find does."""
    return entities.find(*(text_property(request, key) for key in (TYPE, NAME, IDENTITY)))


def answer(request: Request, body: Mapping[str, Any] | Sequence[Any], status: Status = Status.OK) -> Response:
    """The response to a request that was met."""
    copied = dict(body) if isinstance(body, Mapping) else list(body)
    return Response(request.reply_to, request.correlation_id, status, status.phrase, copied)


def _call(
    request: Request, data: Data, schema_class: SchemaClass, method: Method, given: Mapping[str, Any]
) -> MethodCall:
    """The call of a method, its arguments checked. Raises SchemaError."""
    arguments = check_arguments(schema_class, method, given)
    return MethodCall(
        data.object_id,
        data.class_name,
        method.name,
        arguments,
        request.user,
        Address.parse(request.reply_to),
        None,
        text_property(request, "traceparent"),
    )
