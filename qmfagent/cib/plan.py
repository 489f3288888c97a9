"""A plan as data: what applying a publication would change at one site.

Rules of this file: a plan says everything that an apply would do, and nothing else is ever done. Problems are data; a plan
with an error among them is never applied.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qmfagent.cib import difference
from qmfagent.cib.difference import Change
from qmfagent.cib.membership import Boundary
from qmfagent.cib.overrides import OverrideUse
from qmfagent.cib.version import Version


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that stands against a plan (severity error) or that its reader should know (severity warning or note)."""

    code: str
    severity: str
    message: str


@dataclass(frozen=True)
class Plan:
    """The changes that bring one site to a publication, and where they start from.

    `base_version` and `base_digest` name the configuration the plan was computed from; `changes` are empty where there is
    nothing to do.
    """

    ticket: str
    base_version: Version
    base_digest: str
    changes: tuple[Change, ...]
    adopted: tuple[str, ...] = ()
    overrides: tuple[OverrideUse, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that forbid an apply."""
        return tuple(p for p in self.problems if p.severity == "error")

    @cached_property
    def token(self) -> str:
        """Names exactly these changes on exactly this configuration; empty where there is nothing to apply."""
        if not self.changes or self.errors:
            return ""
        return hashlib.sha256(f"{self.ticket}\n{self.base_digest}\n".encode() + self.patchset).hexdigest()[:32]

    @cached_property
    def patchset(self) -> bytes:
        """The changes in Pacemaker's format 2, which fit the configuration the plan was computed from and no other."""
        return difference.to_patchset(self.changes, self.base_version)

    def to_map(self) -> dict[str, Any]:
        """The plan as plain values, as schemas/plan.schema.json describes it."""
        return {
            "ticket": self.ticket,
            "token": self.token,
            "base": {"version": str(self.base_version), "digest": self.base_digest},
            "changes": [_change_map(c) for c in self.changes],
            "adopted": list(self.adopted),
            "overrides": [
                {"select": o.select, "value": o.value, "line": o.line, "places": list(o.places)} for o in self.overrides
            ],
            "boundaries": [
                {"id": b.id, "kind": b.kind, "inside": list(b.inside), "outside": list(b.outside)}
                for b in self.boundaries
            ],
            "problems": [{"code": p.code, "severity": p.severity, "message": p.message} for p in self.problems],
        }


def _change_map(change: Change) -> dict[str, Any]:
    return {
        "operation": change.operation,
        "kind": change.kind,
        "id": change.id,
        "member": change.member,
        "path": change.path,
        "position": change.position,
        "attributes": [{"name": a.name, "old": a.old, "new": a.new} for a in change.attributes],
        "content": change.content.decode(),
    }
