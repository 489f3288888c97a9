"""A CIB at one version, immutable, brought forward by Pacemaker's own patchsets.

Rules of this file: a Snapshot is never changed once made; `advance` gives a new one that shares what did not change.
Nobody may edit the elements it hands out. Every top-level member of resources, constraints and tags has a canonical
line (Canonical XML, one bytes object), so that closures are picked and compared without walking the tree again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from functools import cached_property
from typing import Protocol, Self

from lxml import etree

from qmfagent.cib import document, patch
from qmfagent.cib.references import References
from qmfagent.cib.ticket import TicketState, ticket_states
from qmfagent.cib.version import Version
from qmfagent.errors import PatchError

# Changes of values that may wait until somebody asks for the tree.
MAX_PENDING = 256

# What is worked out of the configuration alone.
_OF_CONFIGURATION = (
    "configuration",
    "_sections",
    "members",
    "lines",
    "ids",
    "config_digest",
    "references",
    "closures",
    "owned",
)


class Derived(Protocol):
    """What was derived from the lines of a snapshot, and is brought forward with it."""

    def renewed(self, lines: Mapping[str, bytes]) -> Self:
        """The same with other lines for some members."""
        ...


class Snapshot:
    """One version of a CIB: `head` (the attributes of the cib element), `configuration` and `status`."""

    def __init__(
        self,
        head: Mapping[str, str],
        configuration: etree._Element,
        status: etree._Element | None,
        lines: Mapping[str, bytes] | None = None,
    ) -> None:
        self.head = dict(head)
        self._tree = configuration
        self._pending: tuple[etree._Element, ...] = ()
        self.status = status
        self.version = Version.of(head)
        self._known_lines = lines or {}

    @classmethod
    def parse(cls, data: bytes, name: str = "the CIB") -> Snapshot:
        """Read a whole CIB document. Raises CibError."""
        cib = document.parse(data, name)
        configuration, status = cib.find("configuration"), cib.find("status")
        assert configuration is not None
        if status is not None:
            cib.remove(status)
        return cls(_attributes(cib), configuration, deepcopy(status))

    @classmethod
    def of(cls, cib: etree._Element) -> Snapshot:
        """A snapshot of a parsed cib element, which stays the caller's.

        Each part becomes the root of a document of its own: releasing elements of a part that has been taken out of its
        document costs lxml a search of the whole part for each of them.
        """
        configuration, status = deepcopy(cib.find("configuration")), deepcopy(cib.find("status"))
        assert configuration is not None
        return cls(_attributes(cib), configuration, status)

    @property
    def validate_with(self) -> str:
        """Name of the schema that the CIB is validated with, such as pacemaker-3.9; empty where it names none."""
        return self.head.get("validate-with", "")

    @cached_property
    def configuration(self) -> etree._Element:
        """The configuration element. Nobody may edit it."""
        if not self._pending:
            return self._tree
        self._tree = deepcopy(self._tree)
        patch.apply_changes(self._tree, self._pending, "/cib/configuration")
        self._pending = ()
        return self._tree

    @cached_property
    def references(self) -> References:
        """Who refers to whom in this configuration."""
        return References(self)

    @cached_property
    def closures(self) -> dict[str, Derived]:
        """The closures that were found in this configuration, by ticket; kept by qmfagent.cib.closure.closure."""
        return {}

    @cached_property
    def owned(self) -> dict[str, frozenset[str]]:
        """The members that were found to be owned, by ticket; kept by qmfagent.cib.ownership."""
        return {}

    def section(self, name: str) -> list[etree._Element]:
        """The members of a section of the configuration, in document order."""
        return self._sections.get(name, [])

    @cached_property
    def _sections(self) -> dict[str, list[etree._Element]]:
        return {str(section.tag): list(section.iterchildren("*")) for section in self.configuration.iterchildren("*")}

    @cached_property
    def members(self) -> dict[str, etree._Element]:
        """Top-level members of resources, constraints and tags, by id, in document order."""
        return {
            identifier: element
            for section in document.SECTIONS
            for element in self.section(section)
            if (identifier := element.get("id"))
        }

    @cached_property
    def lines(self) -> dict[str, bytes]:
        """The canonical line of every member, by id, in document order."""
        known = self._known_lines
        self._known_lines = {}
        return {
            identifier: known.get(identifier) or document.canonical(element)
            for identifier, element in self.members.items()
        }

    @cached_property
    def ids(self) -> dict[str, etree._Element]:
        """Every element of the configuration that an id names; nodes themselves are left out, whose ids are a namespace of
        their own, but not their attributes."""
        return {
            str(element.get("id")): element
            for section in self.configuration.iterchildren("*")
            for element in document.named(section)
            if element.tag != "node"
        }

    @cached_property
    def tickets(self) -> dict[str, TicketState]:
        """The tickets that the status knows, by name."""
        return ticket_states(self.status)

    @cached_property
    def config_digest(self) -> str:
        """SHA-256 (hexadecimal) of the canonical configuration: unchanged by anything that happens in the status."""
        return hashlib.sha256(document.canonical(self.configuration)).hexdigest()

    def same_configuration(self, other: Snapshot) -> bool:
        """Whether both have the same configuration; told without a look at it where one was made from the other."""
        shared = self._tree is other._tree and self._pending is other._pending
        return shared or self.config_digest == other.config_digest

    def to_element(self) -> etree._Element:
        """A cib element of the caller's own."""
        cib = etree.Element("cib", self.head)
        cib.append(deepcopy(self.configuration))
        cib.append(etree.Element("status") if self.status is None else deepcopy(self.status))
        return cib

    def advance(self, patchset: etree._Element) -> Snapshot:
        """The snapshot after `patchset`, a `diff` element in format 2 with its versions.

        Raises PatchError where the patchset starts from another version than this one (a notification was missed) or
        does not fit: take a fresh snapshot then.
        """
        source, target = patch.versions(patchset, self.version)
        if source != self.version:
            raise PatchError(f"a patchset from version {source} does not fit a CIB at version {self.version}")
        changes = patchset.findall("change")
        head = self.head
        for change in changes:
            if change.get("path") == "/cib":
                head = patch.result_attributes(change)
        head = {**head, **target.attributes()}
        config_changes = patch.below(changes, "/cib/configuration")
        status_changes = patch.below(changes, "/cib/status")
        status = self.status
        if status_changes:
            status = etree.Element("status") if status is None else deepcopy(status)
            patch.apply_changes(status, status_changes, "/cib/status")
        if not config_changes:
            result = Snapshot(head, self._tree, status, self._known_lines)
            result._pending = self._pending
            result._share(self, *_OF_CONFIGURATION)
            return result
        if "lines" in self.__dict__ and all(map(_changes_a_value, config_changes)):
            return self._with_values(head, status, config_changes)
        configuration = deepcopy(self.configuration)
        patch.apply_changes(configuration, config_changes, "/cib/configuration")
        return Snapshot(head, configuration, status, self._lines_without(config_changes))

    def _with_values(
        self, head: Mapping[str, str], status: etree._Element | None, changes: list[etree._Element]
    ) -> Snapshot:
        """The next snapshot where some values alone have changed: the tree is copied when somebody asks for it."""
        result = Snapshot(head, self._tree, status)
        result._pending = (*self._pending, *changes)
        result._share(self, "references", "owned")
        renewed = {}
        for path in {patch.member_path(change) for change in changes}:
            identifier = path.rpartition("@id='")[2].removesuffix("']")
            if identifier not in self.lines:
                raise PatchError(f"modify: nothing stands at {path}")
            member = document.parse_element(self.lines[identifier])
            patch.apply_changes(member, patch.below(changes, path), path)
            renewed[identifier] = document.canonical(member)
        result.__dict__["lines"] = {**self.lines, **renewed}
        if not result.references.borrowing:
            result.closures.update({ticket: found.renewed(renewed) for ticket, found in self.closures.items()})
        if len(result._pending) > MAX_PENDING:
            _ = result.configuration
        return result

    def _lines_without(self, changes: list[etree._Element]) -> Mapping[str, bytes]:
        touched = patch.touched_members(changes)
        lines = self.__dict__.get("lines", self._known_lines)
        if touched is None:
            return {}
        return {identifier: line for identifier, line in lines.items() if identifier not in touched}

    def _share(self, earlier: Snapshot, *names: str) -> None:
        for name in names:
            if name in earlier.__dict__:
                self.__dict__[name] = earlier.__dict__[name]


def _attributes(cib: etree._Element) -> dict[str, str]:
    return {str(k): str(v) for k, v in cib.attrib.items()}


def _changes_a_value(change: etree._Element) -> bool:
    """Whether a change sets the value of a part of a member, and so leaves every reference as it was."""
    names = {entry.get("name") for entry in change.iterfind("change-list/change-attr")}
    return change.get("operation") == "modify" and names == {"value"} and bool(patch.member_path(change))
