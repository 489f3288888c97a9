"""Which methods a caller may call here, and for which tickets: what consoles offer goes by it.

Rules of this file: every method of the schema is looked at, as a call of it would be; what may be called for nothing is left
out. A call is decided anew when it comes, whatever was told before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from qmfagent.calls.targets import Targets, may_concern_one
from qmfagent.policy.access import ANONYMOUS, Access
from qmfagent.policy.permissions import permission
from qmfagent.qmf.classes import Method
from qmfagent.qmf.schema import Schema


class Permissions:
    """The permissions of all callers."""

    def __init__(
        self,
        access: Access,
        targets: Targets,
        schema: Schema,
        tickets: Callable[[], Iterable[str]],
        remotes: Callable[[], Iterable[str]],
    ) -> None:
        """`tickets` gives the names of those that are known here, `remotes` the other sites."""
        self._access = access
        self._targets = targets
        self._schema = schema
        self._tickets = tickets
        self._remotes = remotes

    def of(self, identity: str) -> dict[str, Any]:
        """The out arguments of Site.permissions."""
        tickets = sorted(self._tickets())
        return {"identity": identity or ANONYMOUS, "permitted": list(self._permitted(identity, tickets))}

    def _permitted(self, identity: str, tickets: list[str]) -> Iterator[Mapping[str, Any]]:
        for class_name, method, remote in self._methods():
            widest = self._targets.of(class_name, None, remote)
            named = tickets if may_concern_one(class_name, method) else []
            found = permission(self._access, identity, widest, method.name, named)
            if found:
                yield {
                    "class": class_name,
                    "method": method.name,
                    "any": found.any,
                    "tickets": list(found.tickets),
                    "remote": remote,
                }

    def _methods(self) -> Iterator[tuple[str, Method, str]]:
        for schema_class in self._schema.classes:
            for remote in self._remotes() if schema_class.name == "Replica" else [""]:
                for method in schema_class.methods:
                    yield schema_class.name, method, remote
