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
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.ownership import other_owners, owned_ids, tag_id
from qmfagent.cib.plans.difference import MemberDifference
from qmfagent.cib.plans.plan import Problem
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, UnknownTicket

# Everything that Pacemaker's schemas want to find in the document, but for what the members of a closure hold themselves.
_uses = etree.XPath(
    "constraints/*/@rsc | constraints/*/@with-rsc | constraints/*/@first | constraints/*/@then"
    " | constraints//resource_ref/@id | .//@id-ref | resources//@template | acls//@reference"
)

# The same, in one member.
_refers = etree.XPath("@rsc | @with-rsc | @first | @then | .//resource_ref/@id | .//@id-ref | .//@template")


class Scope:
    """Which members of the target the publication may touch, and which it clashes with.

    `ours` are the members owned or adopted and the record of them, `retained` those among them that another ticket owns
    too and that stay.
    """

    def __init__(self, target: Snapshot, mangled: Closure, adopt: bool) -> None:
        self._target = target
        self._mangled = mangled
        self.ticket = mangled.ticket
        owned = owned_ids(target, mangled.ticket)
        self._other_owners = other_owners(target, mangled.ticket)
        self.retained = {i for i in self._other_owners if i in owned and i not in mangled.lines}
        self.adopted: set[str] = set()
        self.clashes: dict[str, Problem] = {}
        known = target.lines
        strangers = (
            () if owned.issuperset(mangled.lines) else [i for i in mangled.lines if i in known and i not in owned]
        )
        for identifier in strangers:
            line = mangled.lines[identifier]
            same = known[identifier] == line or self.published_here.get(identifier) == line
            if (same and identifier in self._other_owners) or (identifier in self.published_here and (same or adopt)):
                self.adopted.add(identifier)
            else:
                self.clashes[identifier] = self._clash(identifier, target.members[identifier], adoptable=not same)
        self.ours = owned.union(self.adopted, {tag_id(mangled.ticket)} & known.keys())

    @cached_property
    def published_here(self) -> Mapping[str, bytes]:
        """Members of the target that depend on the ticket already, as this site would publish them."""
        try:
            return closure(self._target, self._mangled.ticket).lines
        except (UnknownTicket, CibError):
            return {}

    def unchanged(self, identifier: str, before: bytes, after: bytes) -> bool:
        """Whether a member that differs by its line is what this site would publish in the form of `after`."""
        if not before or not after or not (self._target.references.borrowing or before.startswith(b"<tag ")):
            return False
        return self.published_here.get(identifier) == after

    def part_clashes(self, elements: Mapping[str, etree._Element]) -> Iterable[Problem]:
        """Ids inside the members to be written that a local element outside of them bears already."""
        replaced = self.ours - self.retained
        for identifier, element in elements.items():
            if identifier in self.clashes:
                continue
            parts = {str(e.get("id")): e for e in document.named(element)}
            if identifier in self.ours:
                for part in document.named(self._target.members[identifier]):
                    parts.pop(str(part.get("id")), None)
            for part_id, part in parts.items():
                local = self._target.ids.get(part_id)
                if local is None:
                    continue
                home = document.member_of(local)
                home_id = str(home.get("id"))
                # A node may have the id of what is replaced.
                if home_id not in replaced or self._target.members.get(home_id) is not home:
                    yield Problem(
                        "clash",
                        "error",
                        f"the publication's {_words_in(part, identifier)} clashes with the local"
                        f" {_words_in(local, home_id)} of the same id, which no apply has delivered"
                        " for this ticket; rename one of them",
                    )

    def _clash(self, identifier: str, local: etree._Element, adoptable: bool) -> Problem:
        theirs = document.parse_element(self._mangled.lines[identifier])
        message = (
            f"the publication's {words(theirs)} clashes with the local {words(local)} of the same id,"
            f" which no apply has delivered"
        )
        if owner := self._other_owners.get(identifier):
            message += f" for this ticket (it is owned by {owner})"
        elif adoptable and identifier in self.published_here:
            message += "; it depends on the same ticket: '--adopt' takes it over"
        else:
            message += "; rename one of them"
        return Problem("clash", "error", message)


def dangling(
    target: Snapshot, differing: Iterable[MemberDifference], elements: Mapping[str, etree._Element]
) -> Iterable[Problem]:
    """Local elements that refer to what would be deleted."""
    touched = {i for i, before, _ in differing if before}
    removed = {str(e.get("id")) for i in touched for e in document.named(target.members[i])}
    removed -= {str(e.get("id")) for element in elements.values() for e in document.named(element)}
    if not removed:
        return
    for reference in _uses(target.configuration):
        user = _user(reference)
        if str(reference) in removed and document.member_of(user).get("id") not in touched:
            yield _in_use(user, f"{str(reference)!r}")
    for constraint in target.references.constraints:
        for tag in [end for end in constraint.ends if end in target.references.tags]:
            gone = [i for i in target.references.tags[tag] if i in removed]
            if gone and constraint.id not in touched and tag not in touched:
                yield _in_use(target.members[constraint.id], f"{gone[0]!r} by the tag {tag!r}")


def lacking(
    target: Snapshot, kept: Mapping[str, bytes], wanted: Mapping[str, bytes], elements: Mapping[str, etree._Element]
) -> Iterable[Problem]:
    """Members to be written that refer to what is missing here, deleted after it had been delivered and kept so.

    `kept` are members that stay as they are, `wanted` the canonical lines by id as they were to be.
    """
    gone = {str(e.get("id")) for i in kept for e in document.named(document.parse_element(wanted[i]))}
    gone -= target.ids.keys() | {str(e.get("id")) for element in elements.values() for e in document.named(element)}
    for element in elements.values() if gone else ():
        for reference in sorted({str(each) for each in _refers(element)} & gone):
            yield Problem(
                "drifted",
                "error",
                f"the publication's {words(element)} refers to {reference!r}, which was deleted here after it had been"
                " delivered: replicate by hand to bring it back, or create it again",
            )


def _in_use(user: etree._Element, what: str) -> Problem:
    return Problem(
        "in-use",
        "error",
        f"the local {words(user)} refers to {what}, which would be deleted; change or delete it first",
    )


def _user(reference: etree._ElementUnicodeResult) -> etree._Element:
    """The element that a reference belongs to, as people know it: one with an id where there is one."""
    holder = reference.getparent()
    assert holder is not None
    chain = [holder, *holder.iterancestors()]
    return next((e for e in chain if e.get("id") and e.tag not in document.REFERENCE_TAGS), holder)


def reaching_patterns(target: Snapshot, mangled: Closure, elements: Mapping[str, etree._Element]) -> Iterable[Problem]:
    """Location constraints whose pattern would reach resources that do not belong to the ticket."""
    for identifier, element in elements.items():
        pattern = element.get("rsc-pattern")
        if pattern is None:
            continue
        owned = owned_ids(target, mangled.ticket)
        reached = [
            i for i in target.references.matching(pattern, identifier) if i not in mangled.lines and i not in owned
        ]
        if reached:
            yield Problem(
                "pattern",
                "error",
                f"the rsc-pattern {pattern!r} of the publication's location {identifier} also matches the local"
                f" {', '.join(reached[:5])}; narrow the pattern at the holder",
            )


def words(element: etree._Element) -> str:
    """An element as messages name it: its tag and its id."""
    return f"{element.tag!s} {element.get('id')!r}" if element.get("id") else f"{element.tag!s} without an id"


def _words_in(element: etree._Element, member: str) -> str:
    """The same, with the member that it is part of."""
    return words(element) if element.get("id") == member else f"{words(element)} in {member}"
