"""`[[access]]`: who may do what."""

from __future__ import annotations

from collections.abc import Iterable

from qmfagent.config.table import Table
from qmfagent.policy.access import Access, Rule
from qmfagent.policy.roles import Role

_SCOPES = ("classes", "methods", "tickets", "sites")
_ROLES = tuple(role.value for role in Role)


def read_access(tables: Iterable[Table]) -> Access:
    """Read the sections. Raises ConfigError."""
    return Access(tuple(map(_rule, tables)))


def _rule(table: Table) -> Rule:
    table.only("identity", "role", "deny", *_SCOPES)
    deny = table.flag("deny", False)
    if deny and "role" in table:
        raise table.error(f"{table.where} has both 'role' and 'deny'", "a rule allows or denies; write two")
    if not deny and "role" not in table:
        raise table.error(f"{table.where} has no 'role'", f'add role = "...": {", ".join(_ROLES)}; or deny = true')
    role = None if deny else Role(table.choice("role", _ROLES))
    scopes = {}
    for name in _SCOPES:
        scopes[name] = tuple(table.texts(name))
        if name in table and not scopes[name]:
            raise table.wrong(name, "an empty list would match nothing; leave it out for no limit")
    return Rule(_identities(table), role, **scopes)


def _identities(table: Table) -> tuple[str, ...]:
    identities = tuple(table.text_or_texts("identity"))
    if not identities:
        raise table.error(f"{table.where} has no 'identity'", 'such as identity = "CN=lyon"')
    return identities
