"""What counts as a secret: names, parameters that an agent's metadata mark private, and values that give themselves away.

Rules of this file: where there is doubt, it is a secret. An agent whose metadata are not known may have any parameter
private. A value is judged as a whole: one that holds a password among other things is hidden altogether.
Source: OCF resource agent API, `private` of a parameter; Pacemaker, daemons/controld/controld_metadata.c; cibsecret(8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

HIDDEN = "******"
"""What stands where a secret was, however long it is."""

DEFAULT_PATTERNS = (
    "*passw*",
    "*passphrase*",
    "*passcode*",
    "pass",
    "*_pass",
    "*pwd*",
    "*secret*",
    "*credential*",
    "*private_key*",
    "*access_key*",
    "*api_key*",
    "*apikey*",
    "*auth_key*",
    "token",
    "*_token",
    "community",
)
"""Names of secrets; case does not matter, and `-` counts as `_`."""

_PLACEHOLDER = "lrm://"
# NAME=VALUE or NAME: VALUE, and --NAME VALUE, as in mount options, command lines and connection strings.
# Values come from other sites: possessive, so that none of them can keep the agent busy.
_ASSIGNMENT = re.compile(r"(?<![\w.-])(?:([\w.-]++)[\"']?+\s*+[=:]|--?+([\w.-]++)\s)")
_USERINFO = re.compile(r"://[^/\s:@]*+:[^/\s@]++@")
_MAX_NAMES = 10_000

PrivateParameters = Callable[[str], "frozenset[str] | None"]
"""The private parameters of an agent (class:provider:type); None while they are not known."""


def no_private_parameters(agent: str) -> frozenset[str]:
    """What serves where there are no agents, as with a CIB in a file: names alone tell what is secret."""
    return frozenset()


class Secrets:
    """Tells what is secret, by patterns of names and by what agents say of their parameters."""

    def __init__(
        self,
        patterns: tuple[str, ...] = DEFAULT_PATTERNS,
        private: PrivateParameters = no_private_parameters,
    ) -> None:
        self._patterns = tuple(_normal(pattern) for pattern in patterns)
        self._named: dict[str, bool] = {}
        self.private = private

    def named(self, name: str) -> bool:
        """Whether a name is that of a secret."""
        known = self._named.get(name)
        if known is None:
            normal = _normal(name)
            known = any(fnmatchcase(normal, pattern) for pattern in self._patterns)
            if len(self._named) < _MAX_NAMES:
                self._named[name] = known
        return known

    def told_by(self, value: str) -> bool:
        """Whether a value tells by itself that it is, or holds, a secret."""
        if value.startswith(_PLACEHOLDER) or _USERINFO.search(value):
            return True
        return any(self.named((found[1] or found[2]).lstrip("-")) for found in _ASSIGNMENT.finditer(value))

    def without(self, values: Mapping[str, Any], spared: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Values by name, at whatever depth, with what is secret hidden; `spared` names are those of no secret."""
        return {
            name: HIDDEN if name not in spared and self.named(str(name)) else self._without(value)
            for name, value in values.items()
        }

    def _without(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self.without(value)
        if isinstance(value, list | tuple):
            return [self._without(each) for each in value]
        return HIDDEN if isinstance(value, str) and self.told_by(value) else value


def _normal(name: str) -> str:
    return name.lower().replace("-", "_")
