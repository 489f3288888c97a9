"""Matching of rsc-pattern: POSIX extended regular expressions, in time proportional to the id.

Rules of this file: a pattern comes from another site, so it must not be able to stall this one, as it could in an engine that
backtracks. It is compiled to a nondeterministic automaton, whose sets of states are followed and remembered. What POSIX
leaves undefined is decided as glibc does, since Pacemaker matches with regexec; back-references and word boundaries, which
no such automaton can follow, are refused.
Source: POSIX.1-2017, "Extended Regular Expressions"; Pacemaker 2.1, lib/pacemaker/pcmk_sched_location.c,
unpack_rsc_location.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from functools import lru_cache

from qmfagent.errors import CibError

_MAX_STATES = 5_000
_MAX_NESTING = 50
_MAX_REPEAT = 255

_WORD = frozenset(string.ascii_letters + string.digits + "_")
_SPACE = frozenset(string.whitespace)
_CLASSES = {
    "alpha": frozenset(string.ascii_letters),
    "digit": frozenset(string.digits),
    "alnum": frozenset(string.ascii_letters + string.digits),
    "upper": frozenset(string.ascii_uppercase),
    "lower": frozenset(string.ascii_lowercase),
    "space": _SPACE,
    "blank": frozenset(" \t"),
    "punct": frozenset(string.punctuation),
    "xdigit": frozenset(string.hexdigits),
    "cntrl": frozenset(map(chr, [*range(32), 127])),
    "print": frozenset(map(chr, range(32, 127))),
    "graph": frozenset(map(chr, range(33, 127))),
}
_INTERVAL = re.compile(r"\{(\d*)(,?)(\d*)\}", re.ASCII)
_BRACKET_ITEM = re.compile(r"\[:(\w+):\]|\[([=.])(.)\2\]", re.ASCII)


class _Invalid(Exception):
    """Raised inside this file alone: the text is no POSIX extended regular expression."""


@dataclass(frozen=True, slots=True)
class _Characters:
    """One character: any of `members`, or with `negated` any other."""

    members: frozenset[str]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class _Anchor:
    """The start of the id, or its end."""

    end: bool


@dataclass(frozen=True, slots=True)
class _Sequence:
    """One part after the other."""

    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """Any of several alternatives."""

    options: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    """A part from `least` to `most` times; None is any number."""

    part: _Node
    least: int
    most: int | None


_Node = _Characters | _Anchor | _Sequence | _Choice | _Repeat


class Pattern:
    """A compiled pattern."""

    def __init__(self, root: _Node, text: str) -> None:
        self._text = text
        self._nodes: list[tuple[_Characters | _Anchor | None, tuple[int, ...]]] = []
        self._accept = self._add(None, ())
        self._start = self._compile(root, self._accept)
        self._again = self._closed({self._start}, at_start=False)
        self._steps: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def search(self, identifier: str) -> bool:
        """Whether the pattern matches anywhere in `identifier`."""
        states = self._closed({self._start}, at_start=True)
        for character in identifier:
            if self._accept in states:
                return True
            states = self._step(states, character)
        return self._accept in self._closed(set(states), at_end=True)

    def _step(self, states: frozenset[int], character: str) -> frozenset[int]:
        known = self._steps.get((states, character))
        if known is None:
            reached: set[int] = set()
            for state in states:
                label, following = self._nodes[state]
                if isinstance(label, _Characters) and (character in label.members) != label.negated:
                    reached.update(following)
            known = self._steps[states, character] = self._closed(reached) | self._again
        return known

    def _closed(self, states: set[int], *, at_start: bool = False, at_end: bool = False) -> frozenset[int]:
        """The states and all that can be reached from them without a character."""
        closed: set[int] = set()
        pending = list(states)
        while pending:
            state = pending.pop()
            if state not in closed:
                closed.add(state)
                label, following = self._nodes[state]
                if label is None or (isinstance(label, _Anchor) and (at_end if label.end else at_start)):
                    pending.extend(following)
        return frozenset(closed)

    def _add(self, label: _Characters | _Anchor | None, following: tuple[int, ...]) -> int:
        if len(self._nodes) >= _MAX_STATES:
            raise _too_complex(self._text)
        self._nodes.append((label, following))
        return len(self._nodes) - 1

    def _compile(self, node: _Node, following: int) -> int:
        """The first state of `node`, whose last one leads to the state `following`."""
        if isinstance(node, _Sequence):
            for part in reversed(node.parts):
                following = self._compile(part, following)
            return following
        if isinstance(node, _Choice):
            return self._add(None, tuple(self._compile(option, following) for option in node.options))
        if isinstance(node, _Repeat):
            return self._compile_repeat(node, following)
        return self._add(node, (following,))

    def _compile_repeat(self, node: _Repeat, following: int) -> int:
        if node.most is None:
            loop = self._add(None, ())
            self._nodes[loop] = (None, (self._compile(node.part, loop), following))
            first = loop
        else:
            first = following
            for _ in range(node.most - node.least):
                first = self._add(None, (self._compile(node.part, first), following))
        for _ in range(node.least):
            first = self._compile(node.part, first)
        return first


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Pattern | None:
    """Compile a pattern; None where it is no POSIX extended regular expression, which Pacemaker ignores too.

    Raises CibError where it is one, yet with a back-reference or word boundary, or larger than is accepted.
    """
    parser = _Parser(text)
    try:
        root = parser.choice(0)
    except _Invalid:
        return None
    return Pattern(root, text)


class _Parser:
    """Reads a pattern by recursive descent."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def choice(self, depth: int) -> _Node:
        """Alternatives, up to the end or the closing parenthesis of a group."""
        if depth > _MAX_NESTING:
            raise _too_complex(self._text)
        options = [self._sequence(depth)]
        while self._take("|"):
            options.append(self._sequence(depth))
        return options[0] if len(options) == 1 else _Choice(tuple(options))

    def _sequence(self, depth: int) -> _Node:
        parts = []
        while self._at < len(self._text) and self._peek() != "|" and not (depth and self._peek() == ")"):
            part = self._atom(depth)
            while not isinstance(part, _Anchor) and (repeat := self._repetition()):
                part = _Repeat(part, *repeat)
            parts.append(part)
        return _Sequence(tuple(parts))

    def _atom(self, depth: int) -> _Node:
        character = self._next()
        if character == "(":
            inner = self.choice(depth + 1)
            if not self._take(")"):
                raise _Invalid
            return inner
        if character == "[":
            return self._bracket()
        if character == "\\":
            return self._escape()
        if character in "*+?{":
            raise _Invalid
        if character in "^$":
            return _Anchor(end=character == "$")
        return _Characters(frozenset(), negated=True) if character == "." else _Characters(frozenset(character))

    def _repetition(self) -> tuple[int, int | None] | None:
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        character = self._peek()
        if character in simple:
            self._at += 1
            return simple[character]
        if character != "{":
            return None
        interval = _INTERVAL.match(self._text, self._at)
        if not interval or interval[0] == "{}":
            raise _Invalid
        self._at = interval.end()
        least = int(interval[1] or 0)
        most = least if not interval[2] else int(interval[3]) if interval[3] else None
        if most is not None and most < least:
            raise _Invalid
        if max(least, most or 0) > _MAX_REPEAT:
            raise _too_complex(self._text)
        return least, most

    def _escape(self) -> _Node:
        character = self._next()
        if character in "123456789bB<>`'":
            raise CibError(
                f"the pattern {self._text!r} uses \\{character}, which can't be followed here",
                hint="write the pattern without back-references and word boundaries",
            )
        if character in "wW":
            return _Characters(_WORD, negated=character == "W")
        if character in "sS":
            return _Characters(_SPACE, negated=character == "S")
        return _Characters(frozenset(character))

    def _bracket(self) -> _Node:
        negated = self._take("^")
        members: set[str] = set()
        first = True
        while first or self._peek() != "]":
            first = False
            item = _BRACKET_ITEM.match(self._text, self._at)
            if item is None and self._text[self._at : self._at + 2] in ("[:", "[=", "[."):
                raise _Invalid
            if item and item[1]:
                if item[1] not in _CLASSES:
                    raise _Invalid
                members |= _CLASSES[item[1]]
                self._at = item.end()
                continue
            low = self._bracket_end(item)
            if self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._bracket_end(_BRACKET_ITEM.match(self._text, self._at))
                if ord(high) < ord(low):
                    raise _Invalid
                members |= set(map(chr, range(ord(low), ord(high) + 1)))
            else:
                members.add(low)
        self._at += 1
        return _Characters(frozenset(members), negated)

    def _bracket_end(self, item: re.Match[str] | None) -> str:
        if item is None:
            return self._next()
        if not item[3]:
            raise _Invalid
        self._at = item.end()
        return item[3]

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        if not character:
            raise _Invalid
        self._at += 1
        return character

    def _take(self, character: str) -> bool:
        found = self._peek() == character
        self._at += found
        return found


def _too_complex(text: str) -> CibError:
    return CibError(f"the pattern {text[:80]!r} is too complex", hint="shorten it")
