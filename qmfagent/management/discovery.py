"""What the management node tells of its types: GET-TYPES, GET-ATTRIBUTES, GET-OPERATIONS, GET-ANNOTATIONS.

Rules of this file: an answer is a map from the name of a type, restricted to `entityType` where the request gives one. No type
extends another, and none is annotated: those lists are empty.
Source: AMQP Management Version 1.0 (working draft), section 4 (operations of the management node).
"""

from __future__ import annotations

from collections.abc import Sequence

from qmfagent.management.arguments import text_property
from qmfagent.management.entities import EntityType, EntityTypes
from qmfagent.management.message import Request
from qmfagent.management.verbs import Verbs


class Discovery:
    """Answers the GET operations that are about types."""

    def __init__(self, types: EntityTypes, verbs: Verbs) -> None:
        self._types = types
        self._verbs = verbs

    def types(self, request: Request) -> dict[str, list[str]]:
        """Each type with the types that it extends. Raises UnknownObject, here as below, for an entityType that is none."""
        return {item.name: [] for item in self.selected(request)}

    def attributes(self, request: Request) -> dict[str, list[str]]:
        """Each type with the names of its attributes."""
        return {item.name: item.attributes for item in self.selected(request)}

    def operations(self, request: Request) -> dict[str, list[str]]:
        """Each type with its operations: the standard ones that are possible, then its methods."""
        return {item.name: self._verbs.operations(item) for item in self.selected(request)}

    def annotations(self, request: Request) -> dict[str, list[str]]:
        """Each type with its annotations."""
        return {item.name: [] for item in self.selected(request)}

    def selected(self, request: Request) -> Sequence[EntityType]:
        """The types that a request is about: that of its entityType, else all."""
        name = text_property(request, "entityType")
        return (self._types.named(name),) if name else tuple(self._types)
