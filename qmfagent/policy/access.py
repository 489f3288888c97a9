"""Who may do what: the rules of `[[access]]`, and the decision.

Rules of this file: something is allowed where a rule with a role allows it and no rule with `deny` forbids it; the order of
rules means nothing. Who has no role is not even let in. A rule says nothing of what it does not name: without `tickets` it
is about every ticket and about what has none, with `tickets` about those tickets alone. In doubt the narrower reading
counts: a rule that allows needs to cover everything that a call concerns, one that denies any of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from qmfagent.errors import Refused
from qmfagent.policy.roles import Role, least_role, permits

ANONYMOUS = "anonymous"
"""The identity of who has proved none."""


@dataclass(frozen=True, slots=True)
class Target:
    """What somebody asks for: an object, or a method of one.

    `tickets` are those that it concerns: none of them for a node, None where it may be any, as for the whole configuration.
    `sites` is this site, and the other one for a replica.
    """

    class_name: str
    tickets: frozenset[str] | None = frozenset()
    sites: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[access]]` table. All but `role` are patterns as a shell has them; an empty scope is no limit.

    `role` is None for a rule that denies. `methods` are names without their class; they limit calls, not reading.
    """

    identities: tuple[str, ...]
    role: Role | None
    classes: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    tickets: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()

    @property
    def unlimited(self) -> bool:
        """Whether the rule is about everything."""
        return not (self.classes or self.methods or self.tickets or self.sites)

    def is_about(self, identity: str) -> bool:
        """Whether the rule is about that identity."""
        return _any(self.identities, identity)

    def allows(self, target: Target, method: str = "") -> bool:
        """Whether the rule allows a call, or without `method` to read the object. What is read needs to be covered in
        part, what is called as a whole."""
        if self.role is None or not self._names(target.class_name, method):
            return False
        if method and not permits(self.role, target.class_name, method):
            return False
        enough = all if method else any
        return _covers(self.tickets, target.tickets, enough) and _covers(self.sites, target.sites, enough)

    def denies(self, target: Target, method: str = "") -> bool:
        """Whether the rule forbids a call, or without `method` to read the object."""
        if self.role is not None or not self._names(target.class_name, method) or (self.methods and not method):
            return False
        return _touches(self.tickets, target.tickets) and _touches(self.sites, target.sites)

    def _names(self, class_name: str, method: str) -> bool:
        named = not self.classes or _any(self.classes, class_name)
        return named and (not method or not self.methods or _any(self.methods, method))


@dataclass(frozen=True, slots=True)
class Access:
    """All rules of one agent."""

    rules: tuple[Rule, ...] = ()

    def admits(self, identity: str) -> bool:
        """Whether `identity` may connect: it has a role, and nothing denies it everything."""
        mine = self._rules_of(identity)
        return any(rule.role for rule in mine) and not any(not rule.role and rule.unlimited for rule in mine)

    def check(self, identity: str, target: Target, method: str) -> None:
        """Raise Refused (forbidden) unless `identity` may call the method."""
        mine = self._rules_of(identity)
        what = f"{identity or ANONYMOUS!r} may not call {target.class_name}.{method}{_of(target)}"
        if any(rule.denies(target, method) for rule in mine):
            raise Refused("forbidden", what, hint="a rule with deny = true in the configuration there forbids it")
        if not any(rule.allows(target, method) for rule in mine):
            lines = lines_for(identity, least_role(target.class_name, method))
            raise Refused("forbidden", what, hint=f"to allow it, add to the configuration of the agent there: {lines}")

    def view(self, identity: str) -> Callable[[Target], bool] | None:
        """What tells which objects `identity` may read; None where that is all of them."""
        mine = self._rules_of(identity)
        allowing = [rule for rule in mine if rule.role]
        denying = [rule for rule in mine if not rule.role and not rule.methods]
        if not denying and any(not (rule.classes or rule.tickets or rule.sites) for rule in allowing):
            return None
        return lambda target: (
            any(rule.allows(target) for rule in allowing) and not any(rule.denies(target) for rule in denying)
        )

    def _rules_of(self, identity: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.is_about(identity or ANONYMOUS)]


def lines_for(identity: str, role: Role) -> str:
    """The lines of configuration that give `identity` a role, as one line for a message."""
    name = json.dumps(identity or ANONYMOUS, ensure_ascii=False)
    return f'[[access]] / identity = {name} / role = "{role.value}"'


def _any(patterns: Iterable[str], text: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def _covers(patterns: tuple[str, ...], names: frozenset[str] | None, enough: Callable[[Iterable[bool]], bool]) -> bool:
    return not patterns or (bool(names) and enough(_any(patterns, name) for name in names or ()))


def _touches(patterns: tuple[str, ...], names: frozenset[str] | None) -> bool:
    return not patterns or names is None or any(_any(patterns, name) for name in names)


def _of(target: Target) -> str:
    tickets = f" for ticket {', '.join(sorted(target.tickets))}" if target.tickets else ""
    return tickets + (f" at {', '.join(sorted(target.sites))}" if target.sites else "")
