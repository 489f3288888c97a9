"""A site's own values: the site file, read, checked and put into effect.

Rules of this file: a site file is TOML. It may list XSLT steps (`xslt = ["step.xsl"]`) and holds one `[[override]]`
table for each value that differs here:

    [[override]]
    select = "primitive[@id='vip']/instance_attributes/nvpair[@name='ip']"
    value = "10.2.0.10"

`select` is an XPath 1.0 expression, matched anywhere in the closure (each side of a `|` too); it selects nvpairs, whose
value is set, or attributes (`.../op[@name='monitor']/@timeout`). Ids can't be overridden: they tie the sites together.
A select of plain steps (child and descendant steps by name, whose predicates compare an attribute with a literal) finds in a
member what it finds there whatever else there is. Every fault is a SiteFileError that names file, line and key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure
from qmfagent.errors import SiteFileError

# A select of child and descendant steps whose predicates compare an attribute with a literal that needs no escape in XML.
_LITERAL = re.compile(r"""'[^'"&<\s]*'|"[^'"&<\s]*\"""")
_STEP = rf"[A-Za-z_][\w.-]*(?:\[@[A-Za-z_][\w.-]*=(?:{_LITERAL.pattern})\])*"
_XPATH_TOKEN = re.compile(r"""'[^']*'|"[^"]*"|[][()|]""")
_XML_TEXT = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
# A literal, after what it is compared with where that holds no secret.
_COMPARED = re.compile(r"""(@(?:id|id-ref|name|class|provider|type|template|rsc|ticket)\s*=\s*)?('[^']*'?|"[^"]*"?)""")
_PLAIN = re.compile(rf"{_STEP}(?://?{_STEP})*(?:/@[A-Za-z_][\w.-]*)?")


@dataclass(frozen=True, slots=True)
class Override:
    """One `[[override]]` table: an XPath, the value, and the line of the site file it stands at."""

    select: str
    value: str
    line: int

    @property
    def plain(self) -> bool:
        """Whether the select is of plain steps."""
        return _PLAIN.fullmatch(self.select) is not None


@dataclass(frozen=True, slots=True)
class OverrideUse:
    """What one override did: the paths of the places it touched."""

    select: str
    value: str
    line: int
    places: tuple[str, ...]

    @property
    def remark(self) -> str:
        """In words, for an override that touched nothing."""
        return f"the override at line {self.line} of the site file touches nothing of this ticket: {shown(self.select)}"


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A site file: its overrides, then its XSLT steps (file names as written, relative to the site file)."""

    overrides: tuple[Override, ...] = ()
    xslt: tuple[str, ...] = ()


def shown(select: str) -> str:
    """A select as it may be shown: without the literals that may be compared with a secret."""
    return _COMPARED.sub(lambda found: found[0] if found[1] else "'...'", select)


def parse_site_file(data: bytes, name: str) -> SiteFile:
    """Read a site file. Raises SiteFileError."""
    try:
        text = data.decode()
        content = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SiteFileError(f"{name}, line {line}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SiteFileError(f"{name}: no valid TOML: {error}") from None
    except RecursionError:
        raise SiteFileError(f"{name}: no valid TOML: nested too deeply") from None
    locate = _Lines(text, name)
    for key in content:
        if key not in ("override", "xslt"):
            raise locate.error(key, None, f"unknown key {key!r}", "the keys are 'override' and 'xslt'")
    tables = content.get("override", [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise locate.error("override", None, "'override' must be a list of tables", "write [[override]] above each")
    steps = content.get("xslt", [])
    if not isinstance(steps, list) or not all(isinstance(s, str) and s and "\0" not in s for s in steps):
        raise locate.error("xslt", None, "'xslt' must be a list of file names", 'such as xslt = ["site-b.xsl"]')
    return SiteFile(tuple(_override(t, i, locate) for i, t in enumerate(tables)), tuple(steps))


@dataclass(frozen=True, slots=True)
class Overridden:
    """Members after overrides: their new lines by id, and for each override the paths of the places it touched, by member."""

    lines: Mapping[str, bytes]
    places: tuple[Mapping[str, tuple[str, ...]], ...]


def override(source: Closure, overrides: Sequence[Override], name: str) -> Overridden:
    """Put overrides into effect on the members of a closure, in their order.

    Every select is matched against the closure as it was published, whatever other overrides set. `name` is the site
    file's, for errors. Raises SiteFileError where a select meets what can't be set.
    """
    touched = []
    edits: dict[str, dict[tuple[int, str], str]] = {}
    for entry in overrides:
        places: dict[str, tuple[str, ...]] = {}
        for target in _select(_document_for(entry, source), entry, name):
            element, attribute = _settable(target, entry, name)
            member = _member(element, entry, name)
            identifier = str(member.get("id"))
            index = next(i for i, each in enumerate(member.iter()) if each is element)
            edits.setdefault(identifier, {})[index, attribute] = entry.value
            place = document.element_path(element) + ("" if attribute == "value" else f"/@{attribute}")
            places[identifier] = (*places.get(identifier, ()), place)
        touched.append(places)
    lines = source.lines
    return Overridden({i: _edited(lines[i], edits[i]) for i in edits if i in lines}, tuple(touched))


def finds(entry: Override, source: Closure) -> bool:
    """Whether the select of an override finds something in a closure."""
    return bool(_select(_document_for(entry, source), entry, "the site file"))


def _edited(line: bytes, edits: Mapping[tuple[int, str], str]) -> bytes:
    """A member's line after some attributes, named by the number of their element in document order, were set."""
    member = document.parse_element(line)
    elements = list(member.iter())
    for (index, attribute), value in edits.items():
        elements[index].set(attribute, value)
    return document.canonical(member)


def _document_for(entry: Override, source: Closure) -> etree._Element:
    """A document in which the select finds what it finds in the whole closure.

    A select of plain steps can only match in members that hold each of its literals, so the others are left out; for any
    other select it is all of the closure. Parsing ten thousand resources to set the address of one costs more than all
    the rest of a publication's way.
    """
    if not entry.plain:
        return source.document
    sections = source.sections
    for literal in sorted(
        {literal[1:-1].encode() for literal in _LITERAL.findall(entry.select)}, key=len, reverse=True
    ):
        sections = {
            section: {i: line for i, line in members.items() if literal in line}
            for section, members in sections.items()
        }
    return Closure(source.ticket, sections).document


class _Lines:
    """Finds the line at which a key of the site file stands, which tomllib does not tell."""

    def __init__(self, text: str, name: str) -> None:
        self._lines = text.splitlines()
        self._name = name
        self._tables = [
            i for i, line in enumerate(self._lines) if re.match(r"\s*\[\[\s*[\"']?override[\"']?\s*\]\]", line)
        ]

    def line(self, key: str, table: int | None) -> int:
        """1-based line of `key` in the table of that index, or at the top; the table's own line where it has no such key."""
        start = self._tables[table] if table is not None and table < len(self._tables) else 0
        following = [i for i in self._tables if i > start] if table is not None else []
        stop = following[0] if following else len(self._lines)
        pattern = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}[\"']?\s*[\].=]")
        return next((i + 1 for i in range(start, stop) if pattern.match(self._lines[i])), start + 1)

    def error(self, key: str, table: int | None, message: str, hint: str) -> SiteFileError:
        return SiteFileError(f"{self._name}, line {self.line(key, table)}: {message}", hint=hint)


def _override(table: dict[str, Any], index: int, locate: _Lines) -> Override:
    for key in table:
        if key not in ("select", "value"):
            raise locate.error(key, index, f"unknown key {key!r} in [[override]]", "the keys are 'select' and 'value'")
    for key in ("select", "value"):
        if key not in table:
            raise locate.error(key, index, f"[[override]] has no {key!r}", "it needs both 'select' and 'value'")
    select, value = table["select"], table["value"]
    if not isinstance(value, str):
        raise locate.error(
            "value", index, f"'value' must be a string, not a {type(value).__name__}", "put it in quotes"
        )
    if not _XML_TEXT.fullmatch(value):
        raise locate.error("value", index, "'value' has a character that XML can't hold", "leave it out")
    if not isinstance(select, str):
        raise locate.error("select", index, f"'select' must be a string, not {select!r}", "put it in quotes")
    try:
        etree.XPath(_anywhere(select))
    except etree.XPathSyntaxError as error:
        raise locate.error("select", index, f"'select' is no XPath: {error}", f"it reads {shown(select)!r}") from None
    return Override(select, value, locate.line("select", index))


def _anywhere(select: str) -> str:
    """An XPath that finds anywhere what each alternative of `select` finds."""
    alternatives, depth, start = [], 0, 0
    for token in _XPATH_TOKEN.finditer(select):
        depth += (token[0] in ("[", "(")) - (token[0] in ("]", ")"))
        if token[0] == "|" and not depth:
            alternatives.append(select[start : token.start()])
            start = token.end()
    alternatives = [alternative.strip() for alternative in (*alternatives, select[start:])]
    return " | ".join(a if a.startswith(("/", "(")) else f"//{a}" for a in alternatives)


def _select(root: etree._Element, entry: Override, name: str) -> list[Any]:
    try:
        found = root.xpath(_anywhere(entry.select))
    except etree.XPathError as error:
        raise _fault(entry, name, f"'select' can't be evaluated: {error}") from None
    if not isinstance(found, list):
        raise _fault(entry, name, "'select' gives a value, not elements or attributes")
    return found


def _settable(target: Any, entry: Override, name: str) -> tuple[etree._Element, str]:
    if isinstance(target, etree._Element):
        if target.tag != "nvpair":
            raise _fault(
                entry, name, f"'select' meets a <{target.tag!s}>, which has no value of its own; add /@attribute"
            )
        if target.get("id-ref"):
            raise _fault(entry, name, "'select' meets an nvpair that is defined elsewhere; select that one")
        return target, "value"
    if not getattr(target, "is_attribute", False):
        raise _fault(entry, name, "'select' meets text, which no CIB element has")
    if target.attrname in ("id", "id-ref"):
        raise _fault(
            entry, name, f"'select' meets the attribute {target.attrname!r}, which must be the same at all sites"
        )
    return target.getparent(), str(target.attrname)


def _member(element: etree._Element, entry: Override, name: str) -> etree._Element:
    chain = [element, *element.iterancestors()]
    if len(chain) < 4:
        raise _fault(entry, name, f"'select' meets <{element.tag!s}>, which belongs to no resource, constraint or tag")
    return chain[-4]


def _fault(entry: Override, name: str, message: str) -> SiteFileError:
    return SiteFileError(f"{name}, line {entry.line}: {message}", hint=f"select = {shown(entry.select)!r}")
