"""Which methods of QMF the standard operations that change something stand for.

Rules of this file: a table, filled in by who knows the methods. What has no entry can't be changed that way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qmfagent.errors import QmfAgentError
from qmfagent.management.entities import EntityType

READ, CREATE, UPDATE, DELETE = "READ", "CREATE", "UPDATE", "DELETE"


@dataclass(frozen=True, slots=True)
class Creation:
    """How an entity is made: by `method` of the one object of class `maker`, whose out argument `key` names it.

    The attributes to create it with are the method's arguments. Where `key` comes back empty nothing was made, and `why_not`
    says why, from all out arguments.
    """

    maker: str
    method: str
    key: str
    why_not: Callable[[Mapping[str, Any]], QmfAgentError]


@dataclass(frozen=True, slots=True)
class Verbs:
    """The table.

    `updates` gives for a class and attribute the method that sets each value; `creations` and `deletions` for a class the
    method that makes or removes an object of it.
    """

    updates: Mapping[tuple[str, str], Mapping[Any, str]] = field(default_factory=dict)
    creations: Mapping[str, Creation] = field(default_factory=dict)
    deletions: Mapping[str, str] = field(default_factory=dict)

    def operations(self, entity_type: EntityType) -> list[str]:
        """The operations of a type: the standard ones, then its methods in capital letters."""
        schema_class = entity_type.schema_class
        possible = {
            CREATE: schema_class.name in self.creations,
            READ: True,
            UPDATE: any(class_name == schema_class.name for class_name, _ in self.updates),
            DELETE: schema_class.name in self.deletions,
        }
        return [verb for verb, there in possible.items() if there] + [m.name.upper() for m in schema_class.methods]
