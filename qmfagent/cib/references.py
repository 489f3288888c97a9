"""Who refers to whom in a configuration: the graph a closure is found in.

Rules of this file: a constraint refers to resources, templates or tags. A template stands for itself and every primitive
made from it; a tag for every resource in it, and for nothing as soon as it refers to anything but resources, since Pacemaker
then gives up the constraint; a resource inside a collection for the whole top-level collection, since no part of it can
stand alone. What runs qmfagent itself (our own resource agents) belongs to no ticket though it follows one, or a site's agent
would replicate itself over the agents of the others.
Source: Pacemaker Explained, "Resource Templates", "Tags" and "Resource Sets"; lib/pacemaker/pcmk_sched_constraints.c,
pcmk_sched_tickets.c and pcmk_sched_location.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from lxml import etree

from qmfagent.cib.plans.pattern import compile_pattern
from qmfagent.errors import CibError

COLLECTIONS = frozenset({"group", "clone", "master", "bundle"})
RESOURCES = COLLECTIONS | {"primitive"}

_OURS = ("ocf", "qmfagent")

_ENDS = {
    "rsc_ticket": ("rsc",),
    "rsc_location": ("rsc",),
    "rsc_colocation": ("rsc", "with-rsc"),
    "rsc_order": ("first", "then"),
}


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint, as the graph has it: its element's tag, the ids it refers to, and the ticket of a ticket constraint."""

    id: str
    tag: str
    ends: tuple[str, ...]
    ticket: str


class Configuration(Protocol):
    """The configuration whose references are looked at; a Snapshot is one."""

    @property
    def configuration(self) -> etree._Element:
        """The configuration element."""
        ...

    @property
    def ids(self) -> Mapping[str, etree._Element]:
        """Every element of it that an id names."""
        ...

    def section(self, name: str) -> list[etree._Element]:
        """The members of one of its sections."""
        ...


class References:
    """The references in one configuration. Holds ids alone, so that it also serves later versions with the same ones."""

    def __init__(self, source: Configuration) -> None:
        self.container: dict[str, str] = {}
        self.derived: dict[str, frozenset[str]] = {}
        self.made_from: dict[str, list[str]] = {}
        self.resources: list[str] = []
        self._tops: list[str] = []
        self._read_resources(source)
        self.tags = {
            identifier: tuple(str(ref.get("id")) for ref in tag.iterfind("obj_ref"))
            for tag in source.section("tags")
            if (identifier := tag.get("id"))
        }
        self._stands_for: dict[str, frozenset[str]] = {}
        self.own_agents = {
            resource
            for agent in source.configuration.iterfind("resources//*[@provider]")
            if (agent.get("class"), agent.get("provider")) == _OURS
            for resource in self.resolve(agent.get("id", ""))
        }
        self.constraints = list(self._read_constraints(source))
        self.borrowing = bool(source.configuration.xpath("boolean(.//@id-ref)"))
        self.tickets = sorted({c.ticket for c in self.constraints if c.ticket and not self._of_us(c)})

    def _read_resources(self, source: Configuration) -> None:
        """`resources`: the top-level resources and templates, in document order. `container`: for every resource, at
        whatever depth, the top-level resource it is part of. `made_from`: for every template named, the primitives made
        from it. `derived`: for every template that exists, the top-level resources that hold such a primitive."""
        for top in source.section("resources"):
            identifier = top.get("id")
            if not identifier:
                continue
            self.resources.append(identifier)
            if top.tag == "template":
                self.derived[identifier] = frozenset()
                continue
            self._tops.append(identifier)
            self.container[identifier] = identifier
            if top.tag != "primitive":
                self.container.update(
                    (part, identifier) for e in top.iterdescendants(*RESOURCES) if (part := e.get("id"))
                )
        for primitive in source.configuration.iterfind("resources//primitive[@template]"):
            name, template = primitive.get("id", ""), primitive.get("template", "")
            if name in self.container:
                self.made_from.setdefault(template, []).append(name)
                if template in self.derived:
                    self.derived[template] |= {self.container[name]}

    def _read_constraints(self, source: Configuration) -> Iterator[Constraint]:
        for element in source.section("constraints"):
            if identifier := element.get("id"):
                tag = str(element.tag)
                ticket = element.get("ticket", "") if tag == "rsc_ticket" else ""
                yield Constraint(identifier, tag, tuple(self._ends(source, element, tag)), ticket)

    def of_ticket(self, ticket: str) -> Iterator[Constraint]:
        """The constraints that put something under a ticket."""
        return (
            constraint for constraint in self.constraints if constraint.ticket == ticket and not self._of_us(constraint)
        )

    def _of_us(self, constraint: Constraint) -> bool:
        """Whether a constraint is about what runs qmfagent, and nothing else."""
        found = [self.resolve(end) for end in constraint.ends] if self.own_agents else []
        return bool(found) and all(resources and resources <= self.own_agents for resources in found)

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
        tops = [self.container.get(member) for member in self.tags.get(identifier, ())]
        return frozenset() if None in tops else frozenset(top for top in tops if top is not None)

    def named_resources(self, identifier: str) -> list[str]:
        """The resources, at whatever depth, that `identifier` stands for in a constraint."""
        if identifier in self.container:
            return [identifier]
        if identifier in self.derived:
            return self.made_from.get(identifier, [])
        return [member for member in self.tags.get(identifier, ()) if member in self.container]

    def _ends(self, source: Configuration, constraint: etree._Element, tag: str) -> list[str]:
        """The ids a constraint refers to, in document order; a pattern is given as the top-level resources it matches, a
        set that is missing by the reference to it."""
        found = [end for name in _ENDS.get(tag, ()) if (end := constraint.get(name))]
        pattern = constraint.get("rsc-pattern")
        if pattern is not None:
            found += self.matching(pattern, constraint.get("id", ""))
        for resource_set in constraint.iterfind("resource_set") if len(constraint) else ():
            reference = resource_set.get("id-ref")
            definition = resource_set if reference is None else source.ids.get(reference)
            if definition is None or definition.tag != "resource_set":
                found.append(str(reference))
            else:
                found += [ref.get("id", "") for ref in definition.iterfind("resource_ref")]
        return found

    def matching(self, pattern: str, constraint: str) -> list[str]:
        """The top-level resources an rsc-pattern matches; with a leading `!`, those it does not.

        None where it is no regular expression: Pacemaker ignores such a constraint. Raises CibError where the pattern
        can't be followed here.
        """
        inverted = pattern.startswith("!")
        try:
            compiled = compile_pattern(pattern[inverted:])
        except CibError as error:
            raise CibError(f"location {constraint}: {error.message}", hint=error.hint) from None
        if compiled is None:
            return []
        return [top for top in self._tops if compiled.search(top) != inverted]
