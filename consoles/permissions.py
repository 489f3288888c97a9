"""What a console may do at a site, as its agent has told it in advance.

Rules of this file: frozen values. It is there to offer what may be done and no more; the agent decides every call anew. Where
an agent is too old to tell (before 0.2.0), everything is offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Permission:
    """One method that may be called: whatever it concerns (`any`), or else for these tickets.

    `class_name` and `method` are as the schema has them; `remote` is the other site that this is about for a method of
    Replica, else empty.
    """

    class_name: str
    method: str
    any: bool
    tickets: frozenset[str] = frozenset()
    remote: str = ""

    @property
    def name(self) -> str:
        """Such as `Site.apply`."""
        return f"{self.class_name}.{self.method}"


@dataclass(frozen=True, slots=True)
class Permissions:
    """What may be called at `site`. `identity` is who the console is to the agent there, `permitted` what it may call; both are
    None where the agent does not tell."""

    site: str
    identity: str | None = None
    permitted: tuple[Permission, ...] | None = None

    @classmethod
    def read(cls, site: str, answer: Mapping[str, Any]) -> Permissions:
        """Read the out arguments of Site.permissions."""
        return cls(site, answer["identity"], tuple(_permission(values) for values in answer["permitted"]))

    def may(self, method: str, ticket: str | None = None, remote: str | None = None) -> bool:
        """Whether a method, such as `Site.apply`, may be called: for a ticket, with another site where it is one of Replica; or
        for any at all where they are not given."""
        if self.permitted is None:
            return True
        return any(
            each.name == method
            and remote in (None, each.remote)
            and (each.any or (bool(each.tickets) if ticket is None else ticket in each.tickets))
            for each in self.permitted
        )


def _permission(values: Mapping[str, Any]) -> Permission:
    return Permission(
        values["class"], values["method"], values["any"], frozenset(values["tickets"]), values.get("remote", "")
    )
