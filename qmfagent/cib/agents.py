"""The programs that a closure has Pacemaker run: resource agents with their parameters, and the images of bundles.

Rules of this file: what an element inherits is told where it is defined, since templates travel with what is made from
them. Nothing is left out for being odd: an element without class or type is told with the parts it has.
Source: Pacemaker Explained, "Resource Templates", "Bundles" and "Guest Nodes".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from qmfagent.cib.references import COLLECTIONS

_OTHER_PARTS = frozenset({"network", "storage", "primitive", "meta_attributes"})
_REMOTE = ("ocf", "pacemaker", "remote")


@dataclass(frozen=True, slots=True)
class AgentUse:
    """An element in words, and the parts of the agent's name: class, provider where there is one, type."""

    element: str
    agent: tuple[str, ...]


def agent_of(element: etree._Element) -> tuple[str, ...]:
    """The parts of the name of the agent that a primitive or template has itself; empty where it has none of them.

    A part that is missing or empty is given as empty, except for a provider that is missing.
    """
    if not any(name in element.attrib for name in ("class", "provider", "type")):
        return ()
    provider = element.get("provider")
    middle = () if provider is None else (provider,)
    return (element.get("class", ""), *middle, element.get("type", ""))


def agent_uses(root: etree._Element) -> Iterator[AgentUse]:
    """Every program that the resources at or below `root` name."""
    for element in root.iter("primitive", "template", "bundle"):
        identifier = element.get("id")
        if element.tag == "bundle":
            for engine in element.iterchildren("*"):
                if engine.tag not in _OTHER_PARTS:
                    yield AgentUse(f"bundle {identifier!r}", ("bundle", str(engine.tag), engine.get("image", "")))
            continue
        words = f"{element.tag!s} {identifier!r}"
        own = agent_of(element)
        if own or element.get("template") is None:
            yield AgentUse(words, own)
        if element.find("meta_attributes/nvpair[@name='remote-node']") is not None:
            # Pacemaker makes the connection to a guest node a resource of its own.
            yield AgentUse(words, _REMOTE)


@dataclass(frozen=True, slots=True)
class ParameterUse:
    """A primitive in words, its agent (class:provider:type), and the names of its parameters: given to itself or in its
    template, and `inherited` from the collections it is in."""

    element: str
    agent: str
    given: frozenset[str]
    inherited: frozenset[str]


def parameter_uses(root: etree._Element) -> Iterator[ParameterUse]:
    """The parameters of every primitive at or below `root` that has an agent and is not run inside a bundle's container.

    A parameter that a rule gives only at times counts as given.
    """
    named = {str(e.get("id")): e for e in root.iter("template", "instance_attributes", "nvpair") if e.get("id")}
    for primitive in root.iter("primitive"):
        collections = [e for e in primitive.iterancestors() if e.tag in COLLECTIONS]
        template = named.get(primitive.get("template", ""))
        agent = agent_of(primitive) or (() if template is None else agent_of(template))
        if not agent or any(e.tag == "bundle" for e in collections):
            continue
        own = (primitive,) if template is None else (primitive, template)
        yield ParameterUse(
            f"primitive {primitive.get('id')!r}",
            ":".join(agent),
            frozenset(name for each in own for name in _parameters(each, named)),
            frozenset(name for each in collections for name in _parameters(each, named)),
        )


def _parameters(resource: etree._Element, named: Mapping[str, etree._Element]) -> Iterator[str]:
    for attributes in resource.iterchildren("instance_attributes"):
        borrowed = named.get(attributes.get("id-ref", ""))
        for pair in (attributes if borrowed is None else borrowed).iterchildren("nvpair"):
            lender = named.get(pair.get("id-ref", ""))
            name = pair.get("name") or (None if lender is None else lender.get("name"))
            if name:
                yield name
