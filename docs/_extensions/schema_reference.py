"""The reference of the QMF schema, made from schemas/qmfagent.xml whenever the documentation is.

Rules of this file: everything it says of the schema is read there, and who may call a method in qmfagent.policy.roles. The page
`reference/schema` holds what is said by hand; what is made here follows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from lxml import etree
from sphinx.application import Sphinx

from qmfagent.policy.roles import least_role
from qmfagent.qmf.schema import load

PAGE = "reference/schema"


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the reference to its page."""
    app.connect("source-read", _complete)
    return {"parallel_read_safe": True}


def _complete(app: Sphinx, page: str, source: list[str]) -> None:
    if page == PAGE:
        source[0] += reference((files("qmfagent.schemas") / "qmfagent.xml").read_bytes())


def reference(xml: bytes) -> str:
    """The Markdown that describes a schema, from the bytes of its XML document. Raises SchemaError where it is none."""
    load(xml)
    root = etree.fromstring(xml)
    arguments = {str(each.get("name")): each for each in root.iterfind("eventArguments/arg")}
    lines = [
        *(line for each in root.iterfind("class") for line in _class(each)),
        "",
        "## Events",
        *(line for each in root.iterfind("event") for line in _event(each, arguments)),
    ]
    return "\n".join(lines) + "\n"


def _class(element: etree._Element) -> Iterator[str]:
    name = element.get("name")
    yield from ("", f"## {name}", "", f"{element.get('desc')}.")
    yield from _table("property", element.iterfind("property"))
    yield from _table("statistic", element.iterfind("statistic"))
    for method in element.iterfind("method"):
        role = least_role(str(name), str(method.get("name"))).value
        yield from ("", f"### {name}.{method.get('name')}", "", f"{method.get('desc')}. Least role: `{role}`.")
        yield from _table("argument in", (arg for arg in method.iterfind("arg") if "I" in arg.get("dir", "I")))
        yield from _table("argument out", (arg for arg in method.iterfind("arg") if "O" in arg.get("dir", "I")))


def _event(element: etree._Element, arguments: dict[str, etree._Element]) -> Iterator[str]:
    yield from ("", f"### {element.get('name')}", "", f"Severity: {element.get('sev')}.")
    yield from _table("argument", (arguments[name] for name in str(element.get("args")).split(",")))


def _table(heading: str, elements: Iterator[etree._Element]) -> Iterator[str]:
    rows = [f"| `{each.get('name')}` | {each.get('type')} | {_cell(each)} |" for each in elements]
    if rows:
        yield from ("", f"| {heading} | type | |", "| --- | --- | --- |", *rows)


def _cell(element: etree._Element) -> str:
    said = element.get("desc", "").replace("|", "\\|")
    return f"{said} (default `{element.get('default')}`)" if element.get("default") else said
