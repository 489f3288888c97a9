"""The programs that a closure has Pacemaker run: resource agents, and the images of bundles.

Rules of this file: what an element inherits is told where it is defined, since templates travel with what is made from
them. Nothing is left out for being odd: an element without class or type is told with the parts it has.
Source: Pacemaker Explained, "Resource Templates", "Bundles" and "Guest Nodes".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

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
