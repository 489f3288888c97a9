"""A package of schema classes, and how it is read from XML.

Rules of this file: the XML has the form of Qpid's management-schema.xml; whatever in it is not understood is a
SchemaError that names the line, never skipped. Statistics become properties, since QMF v2 has no other place for them.
Source: qpid-cpp specs/management-schema.xml and managementgen/qmfgen/schema.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from lxml import etree

from qmfagent.errors import SchemaError
from qmfagent.qmf.classes import DATA, EVENT, Argument, Method, Property, SchemaClass, SchemaId
from qmfagent.qmf.opcodes import SEVERITIES
from qmfagent.qmf.value_type import XML_TYPES, ValueType

_SEVERITY_SYNONYMS = {"err": "error", "warning": "warn", "notice": "note", "inform": "info"}

_Named = TypeVar("_Named", Property, Argument, Method, SchemaClass)


@dataclass(frozen=True, slots=True)
class Schema:
    """All classes of one package: `classes` of objects and `events`."""

    package: str
    classes: tuple[SchemaClass, ...]
    events: tuple[SchemaClass, ...]

    def object_class(self, name: str) -> SchemaClass:
        """The object class of that name; raises SchemaError where there is none."""
        return _named(self.classes, name, f"package {self.package} has no class {name!r}")

    def event_class(self, name: str) -> SchemaClass:
        """The event class of that name; raises SchemaError where there is none."""
        return _named(self.events, name, f"package {self.package} has no event {name!r}")

    def find(self, pattern: SchemaId) -> SchemaClass | None:
        """The class that a schema id names, with or without package and hash; None where it names none of ours."""
        return next((item for item in self.classes + self.events if pattern.matches(item.id)), None)


def load(xml: bytes) -> Schema:
    """Read a schema from the bytes of its XML document. Raises SchemaError naming the line and what is wrong there."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise SchemaError(f"the schema is no well-formed XML: {error}") from error
    package = _attribute(root, "package")
    event_arguments: dict[str, Property] = {}
    classes: list[SchemaClass] = []
    events: list[SchemaClass] = []
    for element in root:
        if element.tag == "class":
            classes.append(_object_class(element, package))
        elif element.tag == "eventArguments":
            event_arguments.update({item.name: item for item in map(_property, element)})
        elif element.tag == "event":
            events.append(_event_class(element, package, event_arguments))
        else:
            raise _unexpected(element)
    return Schema(package, _distinct(classes, root), _distinct(events, root))


def _object_class(element: etree._Element, package: str) -> SchemaClass:
    properties: list[Property] = []
    methods: list[Method] = []
    for child in element:
        if child.tag in ("property", "statistic"):
            properties.append(_property(child))
        elif child.tag == "method":
            methods.append(_method(child))
        else:
            raise _unexpected(child)
    return SchemaClass(
        id=SchemaId(package, _attribute(element, "name"), DATA),
        properties=_distinct(properties, element),
        methods=_distinct(methods, element),
        desc=element.get("desc", ""),
    ).hashed()


def _event_class(element: etree._Element, package: str, arguments: dict[str, Property]) -> SchemaClass:
    names = [name.strip() for name in element.get("args", "").split(",") if name.strip()]
    unknown = [name for name in names if name not in arguments]
    if unknown:
        raise _wrong(element, f"eventArguments has no {unknown[0]!r}")
    word = element.get("sev", "info")
    severity = _SEVERITY_SYNONYMS.get(word, word)
    if severity not in SEVERITIES:
        raise _wrong(element, f"severity {word!r} is none of {', '.join(SEVERITIES)}")
    return SchemaClass(
        id=SchemaId(package, _attribute(element, "name"), EVENT),
        properties=_distinct([arguments[name] for name in names], element),
        severity=SEVERITIES.index(severity),
        desc=element.get("desc", ""),
    ).hashed()


def _property(element: etree._Element) -> Property:
    return Property(
        name=_attribute(element, "name"),
        type=_type(element),
        access=_choice(element, "access", ("RO", "RC", "RW"), "RO"),
        index=_flag(element, "index"),
        optional=_flag(element, "optional"),
        desc=element.get("desc", ""),
        unit=element.get("unit", ""),
    )


def _method(element: etree._Element) -> Method:
    for child in element:
        if child.tag != "arg":
            raise _unexpected(child)
    arguments = [_argument(child) for child in element]
    return Method(_attribute(element, "name"), _distinct(arguments, element), element.get("desc", ""))


def _argument(element: etree._Element) -> Argument:
    value_type = _type(element)
    text = element.get("default")
    try:
        default = None if text is None else value_type.parse(text)
    except SchemaError as error:
        raise _wrong(element, error.message) from error
    return Argument(
        name=_attribute(element, "name"),
        type=value_type,
        dir=_choice(element, "dir", ("I", "O", "IO"), "I"),
        optional=text is not None,
        default=default,
        desc=element.get("desc", ""),
        unit=element.get("unit", ""),
    )


def _type(element: etree._Element) -> ValueType:
    return XML_TYPES[_choice(element, "type", tuple(XML_TYPES), None)]


def _attribute(element: etree._Element, name: str) -> str:
    value = element.get(name)
    if not value:
        raise _wrong(element, f"attribute {name} is missing")
    return value


def _choice(element: etree._Element, name: str, allowed: tuple[str, ...], default: str | None) -> str:
    value = _attribute(element, name) if default is None else element.get(name, default)
    if value not in allowed:
        raise _wrong(element, f"{name}={value!r} is none of {', '.join(allowed)}")
    return value


def _flag(element: etree._Element, name: str) -> bool:
    return _choice(element, name, ("y", "n"), "n") == "y"


def _distinct(items: list[_Named], element: etree._Element) -> tuple[_Named, ...]:
    names = [item.name for item in items]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise _wrong(element, f"{twice!r} is defined twice")
    return tuple(items)


def _named(items: tuple[SchemaClass, ...], name: str, otherwise: str) -> SchemaClass:
    for item in items:
        if item.name == name:
            return item
    raise SchemaError(otherwise, hint=f"known are: {', '.join(item.name for item in items)}")


def _unexpected(element: etree._Element) -> SchemaError:
    return _wrong(element, "this element is not expected here")


def _wrong(element: etree._Element, what: str) -> SchemaError:
    return SchemaError(f"schema line {element.sourceline}: <{element.tag!s}>: {what}")
