"""The configuration of a site, element by element: what one is, what is in it, whom it refers to and who refers to it.

Rules of this file: pure. A page shows a bounded number of children and results and a bounded amount of XML, and says what is
left out. Paths are those that Site.query takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice

from lxml import etree

from qmfagent.cib import document

ROOT = "configuration"
A_PAGE = 200
"""Children, or results of a search, that are shown at a time."""
MOST_XML = 100_000
"""Characters of XML that are shown."""
_MOST_ELEMENTS = 3000

_REFERRING = frozenset({"rsc", "with-rsc", "first", "then", "template", "id-ref"})
"""Attributes that refer to an element by its id."""
_STEP = re.compile(r"([\w.*-]+)(?:\[@id='([^']*)'\])?")
_SUMMARY = (
    "name",
    "value",
    "class",
    "provider",
    "type",
    "rsc",
    "with-rsc",
    "first",
    "then",
    "ticket",
    "uname",
    "score",
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute; `refers` is the id of the element that it refers to, `ticket` the ticket that it names."""

    name: str
    value: str
    refers: str = ""
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Child:
    """An element in another one: its path, a few of its attributes as text, and how many it has inside."""

    tag: str
    id: str
    path: str
    summary: str
    inside: int


@dataclass(frozen=True, slots=True)
class Children:
    """Some of the elements in one: `page` of `pages`."""

    path: str
    rows: tuple[Child, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Element:
    """One element. `xml` is empty where it is too long to be shown; `explained` is the id that Site.explain is asked for,
    empty where that says nothing; `member` the id of the member that it is part of, and `section` where that is."""

    tag: str
    id: str
    path: str
    attributes: tuple[Attribute, ...]
    children: Children
    xml: str
    explained: str
    section: str
    member: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a search or a look for references found: `rows`, with what was found as their summary, of `total`."""

    rows: tuple[Child, ...]
    total: int


def crumbs(path: str) -> list[tuple[str, str]]:
    """The steps of a path as text, each with the path that leads there; the path as a whole where it has no such steps."""
    steps = [step for step in _inner(path).split("/") if step] if "//" not in path else []
    if not steps or not all(_STEP.fullmatch(step) for step in steps):
        return [(path, path)]
    matches = [_STEP.fullmatch(step) for step in steps]
    texts = [(match[2] or match[1]) if match else "" for match in matches]
    return [(text, "/".join(steps[: number + 1])) for number, text in enumerate(texts)]


def element_view(element: etree._Element, path: str, page: int = 1) -> Element:
    """The view of an element that was found at a path."""
    path = _inner(path)
    section, member = _member(path)
    identifier = "" if element.tag in document.REFERENCE_TAGS else element.get("id", "")
    return Element(
        str(element.tag),
        identifier,
        path,
        tuple(_attribute(str(element.tag), str(name), str(value)) for name, value in element.items()),
        children(list(element.iterchildren("*")), path, page),
        _xml(element),
        identifier if member else "",
        section,
        member,
    )


def children(elements: list[etree._Element], path: str, page: int = 1) -> Children:
    """Some of the elements that stand at a path."""
    pages = max(1, -(-len(elements) // A_PAGE))
    page = min(max(1, page), pages)
    shown = elements[(page - 1) * A_PAGE : page * A_PAGE]
    return Children(path, tuple(_child(each, f"{path}/{_step(each)}") for each in shown), len(elements), page, pages)


def path_of(configuration: etree._Element, identifier: str) -> str:
    """The path of the element of that id; empty where there is none."""
    found = next((each for each in document.named(configuration) if each.get("id") == identifier), None)
    return "" if found is None else _inner(document.element_path(found))


def search(configuration: etree._Element, text: str) -> Found:
    """The elements whose tag or an attribute holds a text, in whatever case."""
    wanted = text.lower()

    def hits() -> Iterator[tuple[etree._Element, str]]:
        for element in configuration.iterdescendants("*"):
            matching = [f'{name}="{value}"' for name, value in element.items() if wanted in str(value).lower()]
            if matching or wanted in str(element.tag).lower():
                yield element, " ".join(matching)

    return _found(hits())


def uses(configuration: etree._Element, identifier: str) -> Found:
    """The elements that refer to the one of that id."""

    def hits() -> Iterator[tuple[etree._Element, str]]:
        for element in configuration.iterdescendants("*"):
            names = _REFERRING | ({"id"} if element.tag in document.REFERENCE_TAGS else set())
            matching = [f'{name}="{value}"' for name, value in element.items() if name in names and value == identifier]
            if matching:
                yield element, " ".join(matching)

    return _found(hits())


def _found(hits: Iterator[tuple[etree._Element, str]]) -> Found:
    rows = tuple(
        Child(str(element.tag), element.get("id", ""), _inner(document.element_path(element)), what, len(element))
        for element, what in islice(hits, A_PAGE)
    )
    return Found(rows, len(rows) + sum(1 for _ in hits))


def _inner(path: str) -> str:
    return path.strip("/").removeprefix("cib/")


def _step(element: etree._Element) -> str:
    identifier = element.get("id", "")
    return document.path_step(element) if "'" not in identifier else str(element.tag)


def _member(path: str) -> tuple[str, str]:
    """The section and the id of the member that the element at a path is part of; empty where it is part of none."""
    steps = path.split("/") if "//" not in path else []
    if len(steps) < 3 or steps[1] not in document.SECTIONS:
        return "", ""
    match = _STEP.fullmatch(steps[2])
    return steps[1], (match[2] or "") if match else ""


def _attribute(tag: str, name: str, value: str) -> Attribute:
    refers = name in _REFERRING or (name == "id" and tag in document.REFERENCE_TAGS)
    return Attribute(name, value, value if refers else "", value if name == "ticket" and tag == "rsc_ticket" else "")


def _child(element: etree._Element, path: str) -> Child:
    summary = " ".join(f'{name}="{value}"' for name in _SUMMARY if (value := element.get(name)))
    inside = sum(1 for _ in element.iterchildren("*"))
    return Child(str(element.tag), element.get("id", ""), path, summary, inside)


def _xml(element: etree._Element) -> str:
    if next(islice(element.iter(), _MOST_ELEMENTS, None), None) is not None:
        return ""
    text = document.pretty(deepcopy(element)).decode()
    return text if len(text) <= MOST_XML else ""
