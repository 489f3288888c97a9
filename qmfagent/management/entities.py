"""Entity types and entities: the classes of the QMF schema and its objects, as AMQP Management names them.

Rules of this file: a type is called `PACKAGE.Class`, an entity's identity is the name of its QMF object (`Ticket:db`), its
name what follows the colon. Attributes are the properties and `identity`, `name` and `type`, which never differ from a
property of the same name. An entity is named by what a request says of it: type, name, identity, or enough of them.
Source: AMQP Management Version 1.0 (working draft), section 1.2 (entities), 3 (operations and attributes of every entity).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qmfagent.errors import SchemaError, UnknownObject
from qmfagent.qmf.classes import Method, Property, SchemaClass
from qmfagent.qmf.data import Data
from qmfagent.qmf.fields import shown
from qmfagent.qmf.queries import ObjectSource
from qmfagent.qmf.schema import Schema

IDENTITY, NAME, TYPE = "identity", "name", "type"
KEYS = (IDENTITY, NAME, TYPE)


@dataclass(frozen=True, slots=True)
class EntityType:
    """An entity type: its full name, and the class it is made from."""

    name: str
    schema_class: SchemaClass

    @property
    def attributes(self) -> list[str]:
        """The names of all attributes, sorted."""
        return sorted({*KEYS, *(item.name for item in self.schema_class.properties)})

    def property_of(self, name: str) -> Property | None:
        """The property behind an attribute, if there is one."""
        return next((item for item in self.schema_class.properties if item.name == name), None)

    def method(self, operation: str) -> Method | None:
        """The method that an operation names, in whatever case, if there is one."""
        return next((item for item in self.schema_class.methods if item.name.upper() == operation.upper()), None)

    def entity(self, data: Data) -> Mapping[str, Any]:
        """The attributes of an object of this type."""
        identity = data.object_id.object_name
        return {**data.values, IDENTITY: identity, NAME: name_of(identity), TYPE: self.name}


class EntityTypes:
    """All entity types of a schema, in its order."""

    def __init__(self, schema: Schema) -> None:
        self._of_class = {item.name: EntityType(f"{schema.package}.{item.name}", item) for item in schema.classes}

    def __iter__(self) -> Iterator[EntityType]:
        return iter(self._of_class.values())

    def named(self, name: str) -> EntityType:
        """The type of that full name. Raises UnknownObject where there is none."""
        for item in self:
            if item.name == name:
                return item
        known = ", ".join(item.name for item in self)
        raise UnknownObject(f"there is no entity type {shown(name)} here", hint=f"known are: {known}")

    def of_class(self, name: str) -> EntityType:
        """The type made from a class that is known to be there."""
        return self._of_class[name]


class Entities:
    """The entities of an object source."""

    def __init__(self, types: EntityTypes, source: ObjectSource) -> None:
        self.types = types
        self._source = source

    def of_types(self, types: Iterable[EntityType]) -> Iterable[Mapping[str, Any]]:
        """The entities of these types, type by type, each in the order of the source. Raises QmfAgentError as that does."""
        for item in types:
            for data in self._source.objects(item.schema_class.name):
                yield item.entity(data)

    def only(self, class_name: str) -> Data:
        """The one object of a class that has just one. Raises UnknownObject where it is not there."""
        for data in self._source.objects(class_name):
            return data
        raise UnknownObject(f"there is no {class_name} here")

    def find(self, type_name: str, name: str, identity: str) -> tuple[EntityType, Data]:
        """The one entity that a request means, with its type; what it does not say is empty.

        Raises SchemaError where that could be several or contradicts itself, UnknownObject where there is none.
        """
        types = (self.types.named(type_name),) if type_name else tuple(self.types)
        if not name and not identity:
            raise SchemaError("the request names no entity", hint="give its name or its identity")
        if name and identity and name != name_of(identity):
            raise SchemaError(f"{shown(identity)} is not called {shown(name)}", hint="give name or identity, not both")
        identities = [identity] if identity else [f"{item.schema_class.name}:{name}" for item in types]
        found = [data for each in identities if (data := self._source.find(each)) is not None]
        matching = [(item, data) for data in found for item in types if item.schema_class.name == data.class_name]
        if not matching:
            kind = types[0].schema_class.name if len(types) == 1 else "entity"
            raise UnknownObject(f"there is no {kind} {shown(identity or name)} here", hint="QUERY lists what there is")
        if len(matching) > 1:
            candidates = " or ".join(data.object_id.object_name for _, data in matching)
            raise SchemaError(f"{shown(name)} could be {candidates}", hint="give the type too, or the identity instead")
        return matching[0]


def name_of(identity: str) -> str:
    """The name of the entity of that identity."""
    return identity.partition(":")[2]
