"""Which elements of a site a publication may touch, and which stand against it.

Rules of this file: what no apply has delivered is never changed.
- A local element that has an id of the publication is a clash;
- except that one which already depends on the same ticket and is the same to the letter is adopted, and that one which
  depends on the ticket but differs is taken over where `adopt` is asked for;
- a local element that refers to what would be deleted blocks the deletion;
- a pattern that would reach local resources blocks the publication.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure import Closure, closure
from qmfagent.cib.ownership import other_owners, owned_ids, tag_id
from qmfagent.cib.plan import Problem
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import UnknownTicket


class Scope:
    """Which members of the target the publication may touch, and which it clashes with."""

    def __init__(self, target: Snapshot, mangled: Closure, adopt: bool) -> None:
        self._target = target
        self._mangled = mangled
        owned = owned_ids(target, mangled.ticket)
        self._other_owners = other_owners(target, mangled.ticket)
        self.shared = owned & self._other_owners.keys()
        self.adopted: set[str] = set()
        self.clashes: dict[str, Problem] = {}
        known = target.lines
        for identifier, line in mangled.lines.items():
            if identifier in owned or identifier not in known:
                continue
            same = known[identifier] == line or self._dependent.get(identifier) == line
            if (same and identifier in self._other_owners) or (identifier in self._dependent and (same or adopt)):
                self.adopted.add(identifier)
            else:
                self.clashes[identifier] = self._clash(identifier, target.members[identifier], adoptable=not same)
        self.ours = owned | self.adopted | ({tag_id(mangled.ticket)} & known.keys())

    @cached_property
    def _dependent(self) -> Mapping[str, bytes]:
        """Members of the target that depend on the ticket already, as they would be published."""
        try:
            return closure(self._target, self._mangled.ticket).lines
        except UnknownTicket:
            return {}

    def _clash(self, identifier: str, local: etree._Element, adoptable: bool) -> Problem:
        theirs = document.parse_element(self._mangled.lines[identifier])
        message = (
            f"the publication's {words(theirs)} clashes with the local {words(local)} of the same id,"
            f" which no apply has delivered"
        )
        if owner := self._other_owners.get(identifier):
            message += f" for this ticket (it is owned by {owner})"
        elif adoptable and identifier in self._dependent:
            message += "; it depends on the same ticket: '--adopt' takes it over"
        else:
            message += "; rename one of them"
        return Problem("clash", "error", message)

    def part_clashes(self, elements: Mapping[str, etree._Element]) -> Iterable[Problem]:
        """Ids inside the members to be written that a local element outside of them bears already."""
        for identifier, element in elements.items():
            if identifier in self.clashes:
                continue
            parts = {str(e.get("id")): e for e in document.named(element)}
            if identifier in self.ours:
                for part in document.named(self._target.members[identifier]):
                    parts.pop(str(part.get("id")), None)
            for part_id, part in parts.items():
                local = self._target.ids.get(part_id)
                if local is not None and (holder := str(document.member_of(local).get("id"))) not in self.ours:
                    yield Problem(
                        "clash",
                        "error",
                        f"the publication's {words(part)} in {identifier} clashes with the local {words(local)} of the"
                        f" same id in {holder}, which no apply has delivered; rename one of them",
                    )


def dangling(
    target: Snapshot, differing: list[tuple[str, bytes, bytes]], elements: Mapping[str, etree._Element]
) -> Iterable[Problem]:
    """Local elements that refer to what would be deleted."""
    touched = {i for i, before, _ in differing if before}
    removed = {str(e.get("id")) for i in touched for e in document.named(target.members[i])}
    removed -= {str(e.get("id")) for element in elements.values() for e in document.named(element)}
    if not removed:
        return
    for reference in target.configuration.xpath(
        "constraints/*/@rsc | constraints/*/@with-rsc | constraints/*/@first | constraints/*/@then"
        " | constraints//resource_ref/@id | .//@id-ref | resources//@template"
    ):
        user = reference.getparent()
        while not user.get("id") or user.tag in document.REFERENCE_TAGS:
            user = user.getparent()
        if str(reference) in removed and str(document.member_of(user).get("id")) not in touched:
            yield Problem(
                "in-use",
                "error",
                f"the local {words(user)} refers to {str(reference)!r}, which would be deleted; change or delete it first",
            )


def reaching_patterns(target: Snapshot, mangled: Closure, elements: Mapping[str, etree._Element]) -> Iterable[Problem]:
    """Location constraints whose pattern would reach resources that do not belong to the ticket."""
    for identifier, element in elements.items():
        pattern = element.get("rsc-pattern")
        if pattern is None:
            continue
        reached = [i for i in target.references.matching(pattern, identifier) if i not in mangled.lines]
        reached = [i for i in reached if i not in owned_ids(target, mangled.ticket)]
        if reached:
            yield Problem(
                "pattern",
                "error",
                f"the rsc-pattern {pattern!r} of the publication's location {identifier} also matches the local"
                f" {', '.join(reached[:5])}; narrow the pattern at the holder",
            )


def words(element: etree._Element) -> str:
    """An element as messages name it: its tag and its id."""
    return f"{element.tag!s} {element.get('id')!r}"
