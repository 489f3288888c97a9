"""The types of QMF values, and the names that management-schema.xml gives them.

Rules of this file: a ValueType says what values it accepts and how to read one from XML text. Widths are part of a
type here, though QMF v2 itself knows TYPE_INT alone: a value that does not fit its width is refused at the agent.
Source: qpid-cpp src/qmf/SchemaProperty.cpp; managementgen's management-types.xml.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from qmfagent.errors import SchemaError
from qmfagent.qmf.fields import shown

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "TYPE_VOID": (type(None),),
    "TYPE_BOOL": (bool,),
    "TYPE_INT": (int,),
    "TYPE_FLOAT": (float, int),
    "TYPE_STRING": (str,),
    "TYPE_MAP": (dict,),
    "TYPE_LIST": (list, tuple),
    "TYPE_UUID": (UUID,),
}
TYPE_NAMES = frozenset(_PYTHON_TYPES)

_WORDS = {
    "TYPE_VOID": "void",
    "TYPE_BOOL": "a boolean",
    "TYPE_INT": "an integer",
    "TYPE_FLOAT": "a floating-point number",
    "TYPE_STRING": "a string",
    "TYPE_MAP": "a map",
    "TYPE_LIST": "a list",
    "TYPE_UUID": "a UUID",
}


@dataclass(frozen=True, slots=True)
class ValueType:
    """The type of a property or argument.

    `name` is one of TYPE_VOID, TYPE_BOOL, TYPE_INT, TYPE_FLOAT, TYPE_STRING, TYPE_MAP, TYPE_LIST, TYPE_UUID;
    `subtype` refines it (timestamp: nanoseconds since the epoch; duration: nanoseconds; reference: an object id);
    `minimum` and `maximum` bound an integer, both included, where they are known.
    """

    name: str
    subtype: str = ""
    minimum: int | None = None
    maximum: int | None = None

    def accepts(self, value: Any) -> bool:
        """Whether `value` is of this type. A boolean is no number, and no number is a boolean."""
        if not isinstance(value, _PYTHON_TYPES[self.name]):
            return False
        if isinstance(value, bool):
            return self.name == "TYPE_BOOL"
        if self.name != "TYPE_INT" or not isinstance(value, int):
            return True
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)

    def parse(self, text: str) -> Any:
        """Read a default value from XML text; raises SchemaError where it is not of this type."""
        value: Any = text
        if self.name == "TYPE_BOOL":
            value = {"true": True, "false": False}.get(text)
        elif self.name in ("TYPE_INT", "TYPE_FLOAT"):
            try:
                value = int(text) if self.name == "TYPE_INT" else float(text)
            except ValueError:
                value = None
        if not self.accepts(value):
            raise SchemaError(f"default {shown(text)} is not {self}")
        return value

    def __str__(self) -> str:
        if self.minimum is None or self.maximum is None:
            return _WORDS[self.name]
        return f"{_WORDS[self.name]} from {self.minimum} to {self.maximum}"


def _unsigned(bits: int, subtype: str = "") -> ValueType:
    return ValueType("TYPE_INT", subtype, 0, (1 << bits) - 1)


def _signed(bits: int) -> ValueType:
    return ValueType("TYPE_INT", "", -(1 << bits - 1), (1 << bits - 1) - 1)


XML_TYPES = {
    **{f"uint{bits}": _unsigned(bits) for bits in (8, 16, 32, 64)},
    **{f"int{bits}": _signed(bits) for bits in (8, 16, 32, 64)},
    "absTime": _unsigned(64, "timestamp"),
    "deltaTime": _unsigned(64, "duration"),
    "bool": ValueType("TYPE_BOOL"),
    "float": ValueType("TYPE_FLOAT"),
    "double": ValueType("TYPE_FLOAT"),
    "sstr": ValueType("TYPE_STRING"),
    "lstr": ValueType("TYPE_STRING"),
    "uuid": ValueType("TYPE_UUID"),
    "map": ValueType("TYPE_MAP"),
    "list": ValueType("TYPE_LIST"),
    "objId": ValueType("TYPE_MAP", "reference"),
}
"""Type names of management-schema.xml. The limit of 255 bytes of sstr is one of QMF v1's encoding, not of v2's."""
