"""Reading and writing CIB documents safely.

Rules of this file: nothing is fetched, no entity is expanded, no document type is accepted, size is bounded. Every
fault of the input is a CibError that names the document and the line. Text between elements means nothing in a CIB and is
dropped, as Pacemaker drops it (lib/common/xml.c, strip_text_nodes); comments stay, since the positions in patchsets count
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from qmfagent.errors import CibError

MAX_BYTES = 64 * 1024 * 1024

# Bounds on what few bytes can grow to: each element costs lxml some 140 bytes, and it looks through the attributes of one
# element in quadratic time.
MAX_TAGS = 4_000_000
MAX_ATTRIBUTES = 256

# The sections of <configuration> whose children can belong to a ticket, in the order of a CIB.
SECTIONS = ("resources", "constraints", "tags")

# The elements that stand directly in each of them.
MEMBER_TAGS = {
    "resources": frozenset({"primitive", "group", "clone", "master", "bundle", "template"}),
    "constraints": frozenset({"rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"}),
    "tags": frozenset({"tag"}),
}

# Elements whose id attribute refers to another element instead of naming this one.
REFERENCE_TAGS = frozenset({"resource_ref", "obj_ref", "role"})

_LONG_TAG = re.compile(rb"<[^<]{4096}")
_has_crowded_element = etree.XPath(f"boolean(//@*[{MAX_ATTRIBUTES + 1}])")
_texts = etree.XPath("//text()")


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_blank_text=True,
        remove_pis=True,
        strip_cdata=True,
    )


def parse_element(data: bytes, name: str = "the document", limit: int = MAX_BYTES) -> etree._Element:
    """Parse `data` (at most `limit` bytes, MAX_TAGS tags, and MAX_ATTRIBUTES attributes an element) into an element.

    Raises CibError: too large, malformed (with the line), or carrying a document type declaration.
    """
    if len(data) > limit:
        raise CibError(f"{name} has {len(data):,} bytes, more than the {limit:,} that are accepted")
    if data.count(b"<") > MAX_TAGS:
        raise CibError(f"{name} has more than the {MAX_TAGS:,} tags that are accepted")
    try:
        root = etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as error:
        reason = str(error.msg).partition("\n")[0]
        raise CibError(f"{name} is not well-formed XML: line {error.lineno or 1}: {reason}") from None
    except ValueError as error:
        raise CibError(f"{name} is not XML: {error}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise CibError(
            f"{name} has a document type declaration, which no CIB has", hint="remove <!DOCTYPE ...> and its entities"
        )
    if _LONG_TAG.search(data) and _has_crowded_element(root):
        raise CibError(f"{name} has an element with more than {MAX_ATTRIBUTES} attributes")
    _drop_text(root)
    return root


def _drop_text(root: etree._Element) -> None:
    for text in _texts(root):
        if text.is_tail:
            text.getparent().tail = None
        else:
            text.getparent().text = None


def parse(data: bytes, name: str = "the CIB", limit: int = MAX_BYTES) -> etree._Element:
    """Parse a whole CIB: a `cib` element with one `configuration`.

    Raises CibError as parse_element does, and where the root or its configuration is missing.
    """
    root = parse_element(data, name, limit)
    if root.tag != "cib":
        raise CibError(
            f"{name} is a <{root.tag!s}> document, not a <cib>", hint="use the output of 'cibadmin --query' as it is"
        )
    if len(root.findall("configuration")) != 1:
        raise CibError(f"{name}, line {root.sourceline}: the cib element must hold exactly one configuration")
    return root


def canonical(element: etree._Element) -> bytes:
    """The Canonical XML 1.0 of an element, comments left out: equal bytes mean equal content."""
    return etree.tostring(element, method="c14n", with_comments=False)


def pretty(element: etree._Element) -> bytes:
    """An element as indented UTF-8 text for people and for files, ended by a line feed."""
    etree.indent(element)
    return etree.tostring(element, encoding="utf-8").rstrip() + b"\n"


def named(element: etree._Element) -> Iterator[etree._Element]:
    """Every element at and below `element` that an id names (references are passed over)."""
    for each in element.iter("*"):
        if each.tag not in REFERENCE_TAGS and each.get("id"):
            yield each


def member_of(element: etree._Element) -> etree._Element:
    """The direct child of a section that `element`, of a configuration, is or is part of."""
    chain = [element, *element.iterancestors()]
    depth = next(i for i, each in enumerate(chain) if each.tag == "configuration")
    return chain[depth - 2]


def element_path(element: etree._Element) -> str:
    """The path Pacemaker's patches use: `/cib/configuration/resources/primitive[@id='vip']/...`.

    `element` is anywhere in a configuration. Source: Pacemaker, lib/common/xml.c, pcmk__element_xpath.
    """
    steps = []
    node: etree._Element | None = element
    while node is not None:
        steps.append(path_step(node))
        node = node.getparent()
    if steps[-1] != "cib":
        steps.append("cib")
    return "/" + "/".join(reversed(steps))


def member_path(member: etree._Element) -> str:
    """The path that a member of a section has in a configuration, for one that stands alone."""
    return f"/cib/configuration/{section_of(member)}/{path_step(member)}"


def section_of(member: etree._Element) -> str:
    """The section that a member belongs to, by its tag."""
    return next((name for name, tags in MEMBER_TAGS.items() if member.tag in tags), SECTIONS[0])


def path_step(element: etree._Element) -> str:
    """One step of such a path: the tag, with the id where there is one."""
    identifier = element.get("id")
    return f"{element.tag!s}[@id='{identifier}']" if identifier else str(element.tag)
