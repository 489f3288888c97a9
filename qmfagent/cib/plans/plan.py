"""A plan as data: what applying a publication would change at one site.

Rules of this file: a plan says everything that an apply would do, and nothing else is ever done. Problems are data; a plan
with an error among them is never applied. What is for its reader alone (cause, publication, override diff, preview) is no
part of its token.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from qmfagent.cib.closure.membership import Boundary
from qmfagent.cib.mangling.overrides import OverrideUse
from qmfagent.cib.plans import difference
from qmfagent.cib.plans.difference import Change
from qmfagent.cib.plans.upgrade import Upgrade
from qmfagent.cib.simulation.preview import Preview
from qmfagent.cib.version import Version


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that stands against a plan (severity error) or that its reader should know (severity warning or note)."""

    code: str
    severity: str
    message: str


@dataclass(frozen=True, slots=True)
class Published:
    """Which publication a plan is for: its site, the term of its grant, that site's CIB version, and its digest."""

    site: str
    term: str
    version: str
    digest: str


@dataclass(frozen=True)
class Plan:
    """The changes that bring one site to a publication, or back to what it had, and where they start from.

    `base_version` and `base_digest` name the configuration the plan was computed from; `changes` are empty where there is
    nothing to do. `upgrade` is written together with them, where they take a newer schema. `cause` is publication, rollback
    or healing. `override_changes` are what the site's own rules changed of the publication; `preview` is what the cluster
    would do. Both are empty where nobody has asked for them. `adopted` are local members that become owned, `released` owned
    ones that become local again, `kept` owned ones that were edited here and stay as they are.
    """

    ticket: str
    base_version: Version
    base_digest: str
    changes: tuple[Change, ...]
    adopted: tuple[str, ...] = ()
    overrides: tuple[OverrideUse, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    problems: tuple[Problem, ...] = ()
    upgrade: Upgrade | None = None
    cause: str = "publication"
    published: Published | None = None
    override_changes: tuple[Change, ...] = ()
    preview: Preview | None = None
    kept: tuple[str, ...] = ()
    released: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that forbid an apply."""
        return tuple(p for p in self.problems if p.severity == "error")

    @cached_property
    def token(self) -> str:
        """Names exactly these changes on exactly this configuration; empty where there is nothing to apply."""
        if not self.changes or self.errors:
            return ""
        start = f"{self.ticket}\n{self.base_digest}\n"
        if self.upgrade is None:
            return hashlib.sha256(start.encode() + self.patchset).hexdigest()[:32]
        # The upgrade by its name: as it is written, it holds attributes that change with the status.
        start += f"{self.upgrade.new}\n"
        changes = difference.to_patchset(self.changes, self.base_version)
        return hashlib.sha256(start.encode() + changes).hexdigest()[:32]

    @cached_property
    def patchset(self) -> bytes:
        """The changes in Pacemaker's format 2, which fit the configuration the plan was computed from and no other."""
        upgrade = () if self.upgrade is None else (self.upgrade.change(),)
        return difference.to_patchset((*upgrade, *self.changes), self.base_version)

    def to_map(self) -> dict[str, Any]:
        """The plan as plain values, as schemas/plan.schema.json describes it."""
        return {
            "ticket": self.ticket,
            "token": self.token,
            "cause": self.cause,
            "publication": None if self.published is None else asdict(self.published),
            "base": {"version": str(self.base_version), "digest": self.base_digest},
            "upgrade": None if self.upgrade is None else {"from": self.upgrade.old, "to": self.upgrade.new},
            "changes": [change_map(c) for c in self.changes],
            "adopted": list(self.adopted),
            "released": list(self.released),
            "kept": list(self.kept),
            "overrides": [
                {"select": o.select, "value": o.value, "line": o.line, "places": list(o.places)} for o in self.overrides
            ],
            "override_changes": [change_map(c) for c in self.override_changes],
            "boundaries": [
                {"id": b.id, "kind": b.kind, "inside": list(b.inside), "outside": list(b.outside)}
                for b in self.boundaries
            ],
            "problems": [{"code": p.code, "severity": p.severity, "message": p.message} for p in self.problems],
            "preview": None if self.preview is None else self.preview.to_map(),
        }


def change_map(change: Change) -> dict[str, Any]:
    """A change as plain values."""
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
