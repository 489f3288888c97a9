"""Which subscriptions a message goes to.

Rules of this file: pure; targets are whatever the caller uses (hashable). A subject and a topic pattern are words
separated by dots; in a pattern `*` stands for exactly one word, `#` for any number of words, none included; an empty
subject has no words. A topic node matches patterns, a direct node compares for equality, a queue gives every message
to every subscriber whatever its subject. A target gets a message once, however many of its patterns match. What is meant for
one receiver alone (an answer, say) matches no wildcards: whoever listens to everything hears what is told to everybody.
Source: AMQP 0-10, 1.6.1 (topic and direct exchanges), as qpidd's management exchanges implement them.

Matching walks all patterns at once, word by word, as a set of positions in a trie. Its cost is bounded by words times
positions: there is no pattern that makes it explode.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from enum import Enum
from typing import Generic, TypeVar

from qmfagent.errors import ProtocolError, UnknownObject
from qmfagent.qmf.fields import shown

Target = TypeVar("Target", bound=Hashable)

ONE_WORD = "*"
ANY_WORDS = "#"
MAX_PATTERN = 255
ONE_RECEIVER = "direct-"
"""What subjects on the topic exchange begin with that one receiver alone has: direct-console.UUID, direct-agent.route.UUID."""


class NodeKind(Enum):
    """How a node chooses among its subscribers."""

    TOPIC = "topic"
    DIRECT = "direct"
    QUEUE = "queue"


def _words(text: str) -> list[str]:
    return text.split(".") if text else []


class _Position(Generic[Target]):
    """One position in the trie: the targets whose pattern ends here, and where each next word leads."""

    __slots__ = ("next", "repeats", "targets")

    def __init__(self, *, repeats: bool = False) -> None:
        self.targets: dict[Target, None] = {}
        self.next: dict[str, _Position[Target]] = {}
        self.repeats = repeats

    def with_empty_tail(self) -> Iterator[_Position[Target]]:
        """This position, and those that are reached by `#` standing for no words."""
        position: _Position[Target] | None = self
        while position is not None:
            yield position
            position = position.next.get(ANY_WORDS)


class _Bindings(Generic[Target]):
    """The subscriptions of one node. Patterns without wildcards are looked up, the others walk the trie."""

    __slots__ = ("_exact", "_root", "kind")

    def __init__(self, kind: NodeKind) -> None:
        self.kind = kind
        self._exact: dict[str, dict[Target, None]] = {}
        self._root: _Position[Target] = _Position()

    def bind(self, target: Target, pattern: str) -> None:
        words = [ANY_WORDS] if self.kind is NodeKind.QUEUE else _words(pattern)
        if self.kind is NodeKind.DIRECT or not {ONE_WORD, ANY_WORDS}.intersection(words):
            self._exact.setdefault(pattern, {})[target] = None
            return
        position = self._root
        for word in words:
            position = position.next.setdefault(word, _Position(repeats=word == ANY_WORDS))
        position.targets[target] = None

    def unbind(self, target: Target, pattern: str) -> None:
        if target in self._exact.get(pattern, ()):
            del self._exact[pattern][target]
            if not self._exact[pattern]:
                del self._exact[pattern]
            return
        words = [ANY_WORDS] if self.kind is NodeKind.QUEUE else _words(pattern)
        path = [self._root]
        for word in words:
            path.append(path[-1].next[word])
        path[-1].targets.pop(target, None)
        for word, position, parent in zip(reversed(words), reversed(path), reversed(path[:-1]), strict=False):
            if position.targets or position.next:
                break
            del parent.next[word]

    def holders(self, pattern: str) -> dict[Target, None]:
        if self.kind is NodeKind.QUEUE:
            return self.match("")
        alone = self.kind is NodeKind.DIRECT or pattern.startswith(ONE_RECEIVER)
        return self._exact.get(pattern, {}) if alone else {}

    def match(self, subject: str) -> dict[Target, None]:
        found = dict(self._exact.get(subject, {}))
        if not self._root.next or (self.kind is NodeKind.TOPIC and subject.startswith(ONE_RECEIVER)):
            return found
        active = dict.fromkeys(self._root.with_empty_tail())
        for word in _words(subject):
            reached: dict[_Position[Target], None] = {}
            for position in active:
                if position.repeats:
                    reached.update(dict.fromkeys(position.with_empty_tail()))
                for step in (word, ONE_WORD):
                    child = position.next.get(step)
                    if child is not None:
                        reached.update(dict.fromkeys(child.with_empty_tail()))
            active = reached
        for position in active:
            found.update(position.targets)
        return found


class Router(Generic[Target]):
    """Nodes and their subscriptions."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Bindings[Target]] = {}
        self._subscriptions: dict[Target, dict[tuple[str, str], None]] = {}

    def __contains__(self, node: str) -> bool:
        return node in self._nodes

    def declare(self, node: str, kind: NodeKind) -> None:
        """Create a node; one that is already there keeps its subscriptions."""
        self._nodes.setdefault(node, _Bindings(kind))

    def delete(self, node: str) -> None:
        """Remove a node with all its subscriptions."""
        self._nodes.pop(node, None)

    def subscribe(self, target: Target, node: str, pattern: str = "") -> None:
        """Give the target what arrives at the node with a subject that matches.

        Raises UnknownObject where there is no such node, ProtocolError where the pattern is longer than AMQP 0-10
        allows for a binding key.
        """
        bindings = self._bindings(node)
        if len(pattern) > MAX_PATTERN:
            raise ProtocolError(
                f"a subject filter for {node!r} has {len(pattern)} characters, {MAX_PATTERN} are allowed"
            )
        bindings.bind(target, pattern)
        self._subscriptions.setdefault(target, {})[node, pattern] = None

    def unsubscribe(self, target: Target) -> None:
        """Take back every subscription of the target; one that has none is no error."""
        for node, pattern in self._subscriptions.pop(target, ()):
            if node in self._nodes:
                self._nodes[node].unbind(target, pattern)

    def route(self, node: str, subject: str) -> list[Target]:
        """The targets of a message, each once. Raises UnknownObject where there is no such node."""
        return list(self._bindings(node).match(subject))

    def holders(self, node: str, pattern: str) -> list[Target]:
        """Who has what is meant for one receiver alone: a queue, a key of a direct node, a subject of ONE_RECEIVER.

        Nobody for any other pattern. Raises UnknownObject where there is no such node.
        """
        return list(self._bindings(node).holders(pattern))

    def _bindings(self, node: str) -> _Bindings[Target]:
        try:
            return self._nodes[node]
        except KeyError:
            raise UnknownObject(f"there is no node {shown(node)} here") from None
