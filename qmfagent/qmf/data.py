"""QMF objects and their ids.

Rules of this file: both are frozen values with `to_map` and `from_map`. An id from a peer keeps all three of its
parts, because libqmf2 compares all three: it must be echoed exactly as it was given. Timestamps are nanoseconds since
the epoch, 0 where unknown; `delete_ts` other than 0 says that the object is gone.
Source: qpid-cpp src/qmf/Data.cpp and DataAddr.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from qmfagent.errors import ProtocolError
from qmfagent.qmf.checks import check_values
from qmfagent.qmf.classes import SchemaClass, SchemaId
from qmfagent.qmf.codec import UInt32, UInt64
from qmfagent.qmf.fields import optional, required


@dataclass(frozen=True, slots=True)
class ObjectId:
    """Names an object. `agent_epoch` is 0 for persistent objects, whose names outlive the agent's process."""

    object_name: str
    agent_name: str = ""
    agent_epoch: int = 0

    def to_map(self) -> dict[str, Any]:
        """The map form; agent name and epoch are left out where they are empty or 0."""
        result: dict[str, Any] = {"_object_name": self.object_name}
        if self.agent_name:
            result["_agent_name"] = self.agent_name
        if self.agent_epoch:
            result["_agent_epoch"] = UInt32(self.agent_epoch)
        return result

    @classmethod
    def from_map(cls, source: Mapping[str, Any]) -> ObjectId:
        """Read the map form; raises ProtocolError."""
        where = "object id"
        epoch = optional(source, "_agent_epoch", int, where, 0)
        if not 0 <= epoch < 1 << 32:
            raise ProtocolError(f"{where}: _agent_epoch {epoch} is no unsigned 32-bit number")
        name = required(source, "_object_name", str, where)
        return cls(name, optional(source, "_agent_name", str, where, ""), epoch)


@dataclass(frozen=True, slots=True)
class Data:
    """An object: its id, the class it is of, and the values of its properties."""

    object_id: ObjectId
    schema_id: SchemaId
    values: Mapping[str, Any] = field(hash=False)
    create_ts: int = 0
    update_ts: int = 0
    delete_ts: int = 0

    @classmethod
    def of(
        cls,
        schema_class: SchemaClass,
        object_name: str,
        values: Mapping[str, Any],
        *,
        create_ts: int = 0,
        update_ts: int = 0,
    ) -> Data:
        """Make an object of a class of ours; raises SchemaError where its values do not fit the class.

        The agent that answers with it puts its own name into the object id.
        """
        check_values(schema_class, values)
        return cls(ObjectId(object_name), schema_class.id, values, create_ts, update_ts)

    @property
    def class_name(self) -> str:
        """The name of the class, without its package."""
        return self.schema_id.name

    def deleted(self, now_ns: int) -> Data:
        """The same object, marked as deleted at that time."""
        return replace(self, delete_ts=now_ns)

    def to_map(self, agent_name: str) -> dict[str, Any]:
        """The map form, with the name of the agent that sends it in the object id where there is none yet."""
        object_id = self.object_id if self.object_id.agent_name else replace(self.object_id, agent_name=agent_name)
        result: dict[str, Any] = {
            "_object_id": object_id.to_map(),
            "_schema_id": self.schema_id.to_map(),
            "_values": dict(self.values),
        }
        for key, value in (
            ("_create_ts", self.create_ts),
            ("_update_ts", self.update_ts),
            ("_delete_ts", self.delete_ts),
        ):
            if value:
                result[key] = UInt64(value)
        return result

    @classmethod
    def from_map(cls, source: Mapping[str, Any]) -> Data:
        """Read the map form; raises ProtocolError."""
        where = "object"
        return cls(
            object_id=ObjectId.from_map(required(source, "_object_id", dict, where)),
            schema_id=SchemaId.from_map(required(source, "_schema_id", dict, where)),
            values=required(source, "_values", dict, where),
            create_ts=optional(source, "_create_ts", int, where, 0),
            update_ts=optional(source, "_update_ts", int, where, 0),
            delete_ts=optional(source, "_delete_ts", int, where, 0),
        )
