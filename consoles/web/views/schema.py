"""Classes as an agent describes them, and a form for each method.

Rules of this file: pure. A form is what the schema says: nothing is known here of any class or method but which of them change
nothing, so that a class that an agent of another version has is shown and called all the same. The values of a form go through
consoles.arguments, as those of the command line do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from consoles.arguments import inputs, read_argument
from consoles.values import Object
from consoles.words import moment, words
from qmfagent.errors import SchemaError
from qmfagent.policy.roles import writes
from qmfagent.qmf.classes import Argument, Method, SchemaClass

MOST = 200
"""Objects that are listed at a time."""
PREFIX = "arg."
"""What the names of a form's fields begin with that are arguments."""

_CONTROLS = {
    "TYPE_BOOL": "choice",
    "TYPE_INT": "number",
    "TYPE_FLOAT": "number",
    "TYPE_MAP": "json",
    "TYPE_LIST": "json",
    "TYPE_STRING": "text",
    "TYPE_UUID": "text",
}
_SUBTYPES = {"timestamp": "nanoseconds since the epoch", "duration": "nanoseconds", "reference": "an object id"}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form: `control` is choice, number, json or text; `problem` says what is wrong with its value."""

    name: str
    control: str
    type: str
    desc: str
    optional: bool
    value: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class MethodForm:
    """A method that can be called; it `writes` where it may change something. `outputs` are names, types, descriptions."""

    class_name: str
    name: str
    desc: str
    writes: bool
    fields: tuple[Field, ...]
    outputs: tuple[tuple[str, str, str], ...]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with any value."""
        return not any(field.problem for field in self.fields)


@dataclass(frozen=True, slots=True)
class PropertyRow:
    """A property of a class."""

    name: str
    type: str
    access: str
    notes: str
    desc: str


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a class, by name: some of those that were found, of all."""

    rows: tuple[Object, ...]
    found: int
    total: int


@dataclass(frozen=True, slots=True)
class Value:
    """A value as text; a `block` is shown with its lines as they are."""

    name: str
    text: str
    desc: str
    block: bool


def method_form(class_name: str, method: Method, given: Mapping[str, str] | None = None) -> MethodForm:
    """The form of a method, with the texts that were given for its arguments, and what is wrong with them."""
    fields = (_field(argument, given) for argument in inputs(method).values())
    outputs = ((each.name, _type(each), each.desc) for each in method.arguments if "O" in each.dir)
    return MethodForm(
        class_name, method.name, method.desc, writes(class_name, method.name), tuple(fields), tuple(outputs)
    )


def arguments(method: Method, given: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of a call from the texts of a form; an optional one that is empty is left out, so that the agent takes its
    default. Raises SchemaError for one that does not fit."""
    return {
        argument.name: read_argument(argument, text)
        for argument in inputs(method).values()
        if (text := _text(argument, given)) or not argument.optional
    }


def given_in(form: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """The texts that a form gives for arguments, by their names."""
    return {name.removeprefix(PREFIX): str(value) for name, value in form if name.startswith(PREFIX)}


def concerned(object_name: str, values: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The ticket that a call concerns: of its arguments, or of its object; empty where it names none."""
    if object_name.startswith("Ticket:"):
        return str(values.get("name", object_name.partition(":")[2]))
    return str(given.get("ticket") or values.get("ticket") or "")


def properties(schema: SchemaClass) -> tuple[PropertyRow, ...]:
    """The properties of a class, or the arguments of an event."""
    return tuple(
        PropertyRow(
            prop.name,
            ", ".join(filter(None, (str(prop.type), _SUBTYPES.get(prop.type.subtype, prop.type.subtype)))),
            {"RO": "read", "RC": "set when created", "RW": "read and write"}.get(prop.access, prop.access),
            ", ".join(
                filter(
                    None,
                    ("names the object" if prop.index else "", "may be missing" if prop.optional else "", prop.unit),
                )
            ),
            prop.desc,
        )
        for prop in schema.properties
    )


def object_rows(objects: Iterable[Object], text: str) -> Objects:
    """The objects whose name has a text in it."""
    every = sorted(objects, key=lambda each: each.name)
    found = [each for each in every if text.lower() in each.name.lower()]
    return Objects(tuple(found[:MOST]), len(found), len(every))


def object_values(schema: SchemaClass, item: Object) -> tuple[Value, ...]:
    """The values of an object, in the order of its class."""
    moments = {prop.name for prop in schema.properties if prop.type.subtype == "timestamp"}
    descs = {prop.name: prop.desc for prop in schema.properties}
    return tuple(
        Value(name, moment(item.values[name]), descs[name], False)
        if name in moments and isinstance(item.values[name], int)
        else _value(name, item.values[name], descs[name])
        for name in descs
        if name in item.values
    )


def result_values(method: Method, result: Mapping[str, Any]) -> tuple[Value, ...]:
    """What a call gave, in the order of the schema."""
    descs = {argument.name: argument.desc for argument in method.arguments}
    order = [*(name for name in descs if name in result), *(name for name in result if name not in descs)]
    return tuple(_value(name, result[name], descs.get(name, "")) for name in order)


def as_json(value: Any) -> str:
    """A value as JSON, for people."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _field(argument: Argument, given: Mapping[str, str] | None) -> Field:
    kind = _type(argument)
    control = _CONTROLS.get(argument.type.name, "text")
    if given is None:
        return Field(argument.name, control, kind, argument.desc, argument.optional)
    text, problem = _text(argument, given), ""
    try:
        if text or not argument.optional:
            read_argument(argument, text)
    except SchemaError:
        problem = f"This is not {argument.type}." if text else f"This has to be {argument.type}."
    return Field(argument.name, control, kind, argument.desc, argument.optional, text, problem)


def _text(argument: Argument, given: Mapping[str, str]) -> str:
    text = given.get(argument.name, "")
    return text if argument.type.name == "TYPE_STRING" else text.strip()


def _type(argument: Argument) -> str:
    parts = (str(argument.type), _SUBTYPES.get(argument.type.subtype, argument.type.subtype), argument.unit)
    return ", ".join(filter(None, parts))


def _value(name: str, value: Any, desc: str) -> Value:
    if isinstance(value, Mapping) or (isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value)):
        return Value(name, as_json(value), desc, True)
    if isinstance(value, str) and ("\n" in value or value.lstrip().startswith("<")):
        return Value(name, value, desc, True)
    return Value(name, words(value), desc, False)
