"""XSLT steps: arbitrary differences of a site, with everything shut that reaches outside the document.

Rules of this file: XSLT 1.0 by libxslt. No file, no network, no include, no extension; the result is bounded in size.
Bounding time and memory needs a process of its own, which is the caller's: see qmfagent.sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from lxml import etree

from qmfagent.cib import document
from qmfagent.errors import CibError, TransformError

_XSLT = "http://www.w3.org/1999/XSL/Transform"
# A CIB has no namespaces, so that every other one in a step can only be an extension.
_NAMESPACES = frozenset({_XSLT, "http://www.w3.org/XML/1998/namespace"})
_DOCUMENT = re.compile(r"\bdocument\s*\(")


@dataclass(frozen=True, slots=True)
class Stylesheet:
    """One step: the file name it came from, for messages, and its bytes."""

    name: str
    data: bytes


# Runs a chain of steps on a document, within limits of time and memory; raises TransformError.
Transformer = Callable[[Sequence[Stylesheet], bytes], bytes]


class _Refuse(etree.Resolver):
    """Refuses everything a stylesheet asks to have loaded."""

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> NoReturn:
        raise TransformError(f"it asks for {system_url}, and a step may load nothing")


def transform(steps: Sequence[Stylesheet], data: bytes) -> bytes:
    """Run the steps one after the other on a CIB document; returns the canonical result.

    Raises TransformError, naming the step and where possible the line.
    """
    tree = document.parse_element(data)
    for step in steps:
        tree = _run(step, tree)
    return document.canonical(tree)


def _run(step: Stylesheet, tree: etree._Element) -> etree._Element:
    try:
        result = _compile(step)(tree, profile_run=False)
    except etree.XSLTError as error:
        raise TransformError(f"{step.name}: {_first_line(error)}") from None
    root = result.getroot()
    if root is None or root.tag != "cib":
        raise TransformError(f"{step.name}: its result is no <cib> document", hint="start from an identity template")
    return _reparsed(root, step)


def _reparsed(root: etree._Element, step: Stylesheet) -> etree._Element:
    """The result as the same safe parser reads it, so that nothing odd survives a step."""
    try:
        return document.parse(etree.tostring(root), f"the result of {step.name}")
    except CibError as error:
        raise TransformError(error.message) from None


def _compile(step: Stylesheet) -> etree.XSLT:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    parser.resolvers.add(_Refuse())
    try:
        root = etree.fromstring(step.data, parser)
    except etree.XMLSyntaxError as error:
        raise TransformError(f"{step.name}, line {error.lineno or 1}: not well-formed XML: {error.msg}") from None
    except ValueError as error:
        raise TransformError(f"{step.name}: not XML: {error}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise TransformError(f"{step.name}: a step may have no document type declaration")
    for element in root.iter("*"):
        _check_element(step, element)
    try:
        return etree.XSLT(root, access_control=etree.XSLTAccessControl.DENY_ALL, regexp=False)
    except etree.XSLTParseError as error:
        raise TransformError(f"{step.name}: no valid XSLT: {_first_line(error)}") from None


def _check_element(step: Stylesheet, element: etree._Element) -> None:
    where = f"{step.name}, line {element.sourceline}"
    if element.tag in (f"{{{_XSLT}}}include", f"{{{_XSLT}}}import"):
        raise TransformError(f"{where}: a step may include nothing", hint="list several steps in 'xslt' instead")
    if element.get("extension-element-prefixes") or element.get(f"{{{_XSLT}}}extension-element-prefixes"):
        raise TransformError(f"{where}: a step may use no extension elements")
    for uri in element.nsmap.values():
        if uri not in _NAMESPACES:
            raise TransformError(f"{where}: the namespace {uri} belongs to no CIB, and a step may use no extension")
    for name, value in element.attrib.items():
        if _DOCUMENT.search(str(value)):
            raise TransformError(f"{where}: {name} calls document(), and a step may load nothing")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["it failed"])[0]
