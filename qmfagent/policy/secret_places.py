"""Where a document holds secrets: which attributes of which elements.

Rules of this file: a parameter is judged by every name it goes by and every agent it is given to: its own, those that a
template hands on or a collection inherits to, and those that borrow it by id-ref. Digests that Pacemaker computes of an
operation's parameters count as secrets too: who has one can try out passwords on it.
Source: Pacemaker Explained, "Reusing Rules and Options", "Resource Templates"; Pacemaker, lib/pengine/pe_digest.c.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from lxml import etree

from qmfagent.cib.agents import agent_of
from qmfagent.cib.references import COLLECTIONS
from qmfagent.policy.secrets import Secrets

Place = tuple[etree._Element, str]
"""An element, and the name of an attribute that holds a secret."""

TemplateLookup = Callable[[str], "etree._Element | None"]
"""Finds a template by its id."""

_COMMAND_LINES = ("options", "run-command")
_DIGESTS = ("op-digest", "op-restart-digest", "op-secure-digest")
_described = etree.XPath("descendant-or-self::*[@description]")
_borrowing = etree.XPath("descendant-or-self::*[@id-ref]")


def secret_places(root: etree._Element, secrets: Secrets, template: TemplateLookup) -> Iterator[Place]:
    """Every place of a secret at or below `root`, some of them more than once.

    `template` finds the templates that are not below `root` themselves.
    """
    agents = _Agents(root, template)
    borrowed = _borrowed_names(root)
    for pair in root.iter("nvpair"):
        value = pair.get("value")
        if value is not None and (any(map(secrets.named, _names(pair, borrowed))) or secrets.told_by(value)):
            yield pair, "value"
    for attributes in root.iter("instance_attributes"):
        for agent in agents.of_set(attributes):
            private = secrets.private(agent)
            if private is None or private:
                for pair in attributes.iter("nvpair"):
                    if private is None or not private.isdisjoint(_names(pair, borrowed)):
                        yield pair, "value"
    yield from _other_places(root, secrets)


def agents_in(root: etree._Element) -> set[str]:
    """The agents (class:provider:type) of all primitives and templates at or below `root`."""
    return {":".join(found) for element in root.iter("primitive", "template") if (found := agent_of(element))}


def _other_places(root: etree._Element, secrets: Secrets) -> Iterator[Place]:
    for engine in root.iter("podman", "docker", "rkt"):
        for name in _COMMAND_LINES:
            if secrets.told_by(engine.get(name, "")):
                yield engine, name
    for expression in root.iter("expression"):
        if expression.get("value") is not None and secrets.named(expression.get("attribute", "")):
            yield expression, "value"
    for element in _described(root):
        if secrets.told_by(element.get("description", "")):
            yield element, "description"
    for operation in root.iter("lrm_rsc_op"):
        for name in _DIGESTS:
            if operation.get(name):
                yield operation, name
        if secrets.told_by(operation.get("exit-reason", "")):
            yield operation, "exit-reason"


def _names(pair: etree._Element, borrowed: dict[str, set[str]]) -> Iterable[str]:
    """The names that an nvpair goes by: its own, and what others call it who borrow it."""
    name = pair.get("name", "")
    others = borrowed.get(pair.get("id", "")) if borrowed else None
    return (name, *others) if others else (name,)


def _borrowed_names(root: etree._Element) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for user in _borrowing(root):
        if user.tag == "nvpair" and user.get("name"):
            found[user.get("id-ref")].add(user.get("name"))
    return found


class _Agents:
    """Tells which agents the sets of parameters in a document are for."""

    def __init__(self, root: etree._Element, template: TemplateLookup) -> None:
        self._templates = {element.get("id", ""): element for element in root.iter("template")}
        self._elsewhere = template
        self._users: dict[str, list[etree._Element]] = defaultdict(list)
        for user in _borrowing(root):
            self._users[user.get("id-ref")].append(user)

    def of_set(self, attributes: etree._Element) -> set[str]:
        """The agents that get the parameters of a set, or of a single one in it that others borrow."""
        named = {attributes.get("id", "")}
        if self._users:
            named |= {pair.get("id", "") for pair in attributes.iter("nvpair")}
        users = [user for identifier in named for user in self._users.get(identifier, ())]
        return {agent for place in (attributes, *users) for agent in self._around(place)}

    def _around(self, element: etree._Element) -> Iterator[str]:
        for ancestor in element.iterancestors():
            if ancestor.tag in ("primitive", "template"):
                yield from self._of(ancestor)
                return
            if ancestor.tag in COLLECTIONS:
                for primitive in ancestor.iterdescendants("primitive"):
                    yield from self._of(primitive)
                return

    def _of(self, resource: etree._Element) -> Iterator[str]:
        if own := agent_of(resource):
            yield ":".join(own)
        name = resource.get("template")
        if name is not None:
            template = self._templates.get(name)
            found = template if template is not None else self._elsewhere(name)
            yield "" if found is None else ":".join(agent_of(found))
