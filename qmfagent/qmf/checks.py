"""Checks of values against the schema.

Rules of this file: a check returns what may be used, or raises SchemaError that names the class, the method and the
argument or property, the type expected and the type found. Nothing is converted: a string is never taken as a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qmfagent.errors import SchemaError
from qmfagent.qmf.classes import Argument, Method, Property, SchemaClass
from qmfagent.qmf.fields import kind_of, shown


def check_values(schema_class: SchemaClass, values: Mapping[str, Any]) -> None:
    """Check the values of an object, or the arguments of an event: all there, none unknown, each of its type.

    An optional property may be absent or void. Raises SchemaError.
    """
    present = 0
    for item in schema_class.properties:
        if item.name in values:
            present += 1
            if not (item.type.accepts(values[item.name]) or (item.optional and values[item.name] is None)):
                raise _wrong_type(schema_class.name, item, values[item.name])
        elif not item.optional:
            raise SchemaError(f"{schema_class.name}.{item.name} is missing: {item.type} is required")
    if present != len(values):
        raise _unknown(values, schema_class.properties, schema_class.name, "property")


def check_arguments(schema_class: SchemaClass, method: Method, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Check the arguments that a caller gave: none unknown, none of output, each of its type.

    Returns them with the defaults of those left out; raises SchemaError where one without default was.
    """
    return _checked(f"{schema_class.name}.{method.name}", [a for a in method.arguments if "I" in a.dir], arguments)


def check_results(schema_class: SchemaClass, method: Method, results: Mapping[str, Any]) -> dict[str, Any]:
    """Check what a method gives back against its output arguments, as check_arguments does for its input."""
    return _checked(f"{schema_class.name}.{method.name}", [a for a in method.arguments if "O" in a.dir], results)


def _checked(where: str, declared: list[Argument], given: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    present = 0
    for argument in declared:
        if argument.name in given:
            present += 1
            value = given[argument.name]
            if not argument.type.accepts(value):
                raise _wrong_type(where, argument, value)
            result[argument.name] = value
        elif argument.optional:
            result[argument.name] = argument.default
        else:
            raise SchemaError(f"{where}: argument {argument.name} is missing: {argument.type} is required")
    if present != len(given):
        raise _unknown(given, declared, where, "argument")
    return result


def _wrong_type(where: str, item: Property | Argument, value: Any) -> SchemaError:
    got = f"the integer {value}" if type(value) is int else kind_of(value)
    if isinstance(item, Property):
        return SchemaError(f"{where}.{item.name}: expected {item.type}, got {got}")
    return SchemaError(f"{where}: argument {item.name}: expected {item.type}, got {got}")


def _unknown(given: Mapping[str, Any], declared: Iterable[Property | Argument], where: str, what: str) -> SchemaError:
    names = [item.name for item in declared]
    culprit = next(name for name in given if name not in names)
    known = f"known are: {', '.join(names)}" if names else f"it takes no {what}"
    return SchemaError(f"{where} has no {what} {shown(culprit)}", hint=known)
