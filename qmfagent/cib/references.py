"""Who refers to whom in a configuration: the graph a closure is found in.

Rules of this file: a constraint refers to resources, templates or tags. A template stands for itself and every primitive
made from it; a tag for every resource in it; a resource inside a collection for the whole top-level collection, since no
part of it can stand alone.
Source: Pacemaker Explained, "Resource Templates", "Tags" and "Resource Sets"; lib/pacemaker/pcmk_sched_constraints.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from qmfagent.errors import CibError

if TYPE_CHECKING:
    from qmfagent.cib.membership import Membership
    from qmfagent.cib.snapshot import Snapshot

COLLECTIONS = frozenset({"group", "clone", "master", "bundle"})
RESOURCES = COLLECTIONS | {"primitive"}

_ENDS = {
    "rsc_ticket": ("rsc",),
    "rsc_location": ("rsc",),
    "rsc_colocation": ("rsc", "with-rsc"),
    "rsc_order": ("first", "then"),
}
_POSIX_CLASSES = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "A-Za-z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
}


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint, as the graph has it: its element's tag, the ids it refers to, and the ticket of a ticket constraint."""

    id: str
    tag: str
    ends: tuple[str, ...]
    ticket: str


class References:
    """The references in one configuration. Holds ids alone, so that it also serves later versions with the same ones."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.container: dict[str, str] = {}
        self.derived: dict[str, frozenset[str]] = {}
        self.made_from: dict[str, list[str]] = {}
        self.resources: list[str] = []
        self._tops: list[str] = []
        self._read_resources(snapshot)
        self.tags = {
            str(tag.get("id")): tuple(str(ref.get("id")) for ref in tag.iterfind("obj_ref"))
            for tag in snapshot.section("tags")
        }
        self._stands_for: dict[str, frozenset[str]] = {}
        self.constraints = [
            Constraint(
                str(e.get("id")),
                str(e.tag),
                tuple(self._ends(snapshot, e)),
                e.get("ticket", "") if e.tag == "rsc_ticket" else "",
            )
            for e in snapshot.section("constraints")
        ]
        self.borrowing = bool(snapshot.configuration.xpath("boolean(.//@id-ref)"))
        self.tickets = sorted({c.ticket for c in self.constraints if c.ticket})
        self.memberships: dict[str, Membership] = {}

    def _read_resources(self, snapshot: Snapshot) -> None:
        """`resources`: the top-level resources and templates, in document order. `container`: for every resource, at
        whatever depth, the top-level resource it is part of. `made_from`: for every template named, the primitives made
        from it. `derived`: for every template that exists, the top-level resources that hold such a primitive."""
        resources = snapshot.section("resources")
        for top in resources:
            identifier = top.get("id", "")
            self.resources.append(identifier)
            if top.tag == "template":
                self.derived[identifier] = frozenset()
                continue
            self._tops.append(identifier)
            self.container[identifier] = identifier
            if top.tag in COLLECTIONS:
                self.container.update((e.get("id", ""), identifier) for e in top.iterdescendants(*RESOURCES))
        for primitive in snapshot.configuration.iterfind("resources//primitive[@template]"):
            template = primitive.get("template", "")
            self.made_from.setdefault(template, []).append(primitive.get("id", ""))
            if template in self.derived:
                self.derived[template] |= {self.container[primitive.get("id", "")]}

    def resolve(self, identifier: str) -> frozenset[str]:
        """The top-level resources and templates that `identifier` stands for in a constraint; empty where it is unknown."""
        found = self._stands_for.get(identifier)
        if found is None:
            found = self._stands_for[identifier] = self._resolve(identifier)
        return found

    def _resolve(self, identifier: str) -> frozenset[str]:
        if identifier in self.container:
            return frozenset((self.container[identifier],))
        if identifier in self.derived:
            return self.derived[identifier] | {identifier}
        members = self.tags.get(identifier, ())
        return frozenset().union(*(self.resolve(m) for m in members if m in self.container or m in self.derived))

    def _ends(self, snapshot: Snapshot, constraint: etree._Element) -> list[str]:
        """The ids a constraint refers to, in document order; a pattern is given as the top-level resources it matches."""
        found = [end for name in _ENDS.get(str(constraint.tag), ()) if (end := constraint.get(name))]
        pattern = constraint.get("rsc-pattern")
        if pattern is not None:
            found += self.matching(pattern, constraint.get("id", ""))
        if len(constraint):
            for resource_set in constraint.iterfind("resource_set"):
                definition = snapshot.ids.get(resource_set.get("id-ref", ""), resource_set)
                found += [ref.get("id", "") for ref in definition.iterfind("resource_ref")]
        return found

    def matching(self, pattern: str, constraint: str) -> list[str]:
        """The top-level resources an rsc-pattern matches; with a leading `!`, those it does not. Raises CibError.

        Source: Pacemaker 2.1, lib/pacemaker/pcmk_sched_location.c, unpack_rsc_location (POSIX extended, unanchored).
        """
        inverted = pattern.startswith("!")
        try:
            regex = re.compile(_as_python(pattern[inverted:]))
        except re.error as error:
            raise CibError(
                f"location {constraint}: rsc-pattern {pattern!r} is no regular expression: {error}"
            ) from None
        return [top for top in self._tops if bool(regex.search(top)) != inverted]


def _as_python(pattern: str) -> str:
    return re.sub(r"\[:(\w+):\]", lambda m: _POSIX_CLASSES.get(m[1], m[0]), pattern)
