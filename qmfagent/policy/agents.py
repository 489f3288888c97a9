"""Which resource agents a site takes from others.

Rules of this file: writing a resource means running a program as root, so nothing is taken that is not listed. An agent is
compared part by part, so that no part can pass for another; a name that could lead out of the directory where agents
are, or that no agent has, is never allowed, whatever is listed.
Source: Pacemaker Explained, "Resource Classes"; OCI distribution specification, "reference" (images).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

_STANDARD = re.compile(r"[a-z]+")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:\\+-]*")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]*")

Agent = tuple[str, ...]
"""The parts of an agent's name: (class, provider, type) for class ocf, else (class, type); for the image of a bundle
("bundle", engine, image)."""


def split_pattern(text: str) -> Agent:
    """The parts of a pattern such as `ocf:heartbeat:*`, `systemd:*` or `bundle:podman:registry.example.com/*`.

    Raises ValueError, in words, where it is none.
    """
    parts = tuple(text.split(":", 2 if text.startswith(("ocf:", "bundle:")) else 1))
    if not _STANDARD.fullmatch(parts[0]):
        raise ValueError("it begins with the class: ocf, systemd, lsb, service, stonith or bundle, without wildcards")
    if len(parts) != _length(parts[0]) or not all(parts):
        words = {"ocf": "ocf:PROVIDER:TYPE", "bundle": "bundle:ENGINE:IMAGE"}.get(parts[0], f"{parts[0]}:TYPE")
        raise ValueError(f"it is written {words}")
    return parts


@dataclass(frozen=True, slots=True)
class AllowList:
    """Patterns of the agents that are allowed, in parts; an empty list allows nothing."""

    patterns: tuple[Agent, ...] = ()

    @classmethod
    def of(cls, *patterns: str) -> AllowList:
        """The list of patterns as they are written. Raises ValueError."""
        return cls(tuple(map(split_pattern, patterns)))

    def allows(self, agent: Agent) -> bool:
        """Whether an agent is on the list."""
        return well_formed(agent) and any(
            len(pattern) == len(agent) and all(map(fnmatchcase, agent, pattern)) for pattern in self.patterns
        )


def well_formed(agent: Agent) -> bool:
    """Whether this can be the name of an agent, and of nothing that lies elsewhere."""
    if not agent or len(agent) != _length(agent[0]) or not _STANDARD.fullmatch(agent[0]):
        return False
    *names, last = agent[1:]
    return all(map(_NAME.fullmatch, names)) and bool((_IMAGE if agent[0] == "bundle" else _NAME).fullmatch(last))


def _length(standard: str) -> int:
    return 3 if standard in ("ocf", "bundle") else 2
