"""Roles: what each kind of caller may do.

Rules of this file: this table is the whole of it. Reading objects, their schema and events is any role's. A method that
stands nowhere here, whatever is added later, is the administrator's alone. `operator` and `replicator` are not comparable:
who may move tickets need not be trusted with configuration, and another site's agent has no business with tickets here.
"""

from __future__ import annotations

from enum import Enum

Method = tuple[str, str]
"""The names of a class and of one of its methods."""


class Role(Enum):
    """The roles, by the names they have in the configuration."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    REPLICATOR = "replicator"
    ADMINISTRATOR = "administrator"


READING = frozenset(
    {
        ("Site", "query"),
        ("Site", "claim"),
        ("Site", "permissions"),
        ("Site", "events"),
        ("Site", "history"),
        ("Site", "change"),
        ("Site", "verify_journal"),
        ("Site", "explain"),
        ("Site", "plan"),
        ("Site", "plan_rollback"),
        ("Site", "plan_heal"),
    }
)
"""Methods that change nothing and whose answers hold no secret."""

_TICKETS = frozenset(("Ticket", name) for name in ("grant", "revoke", "standby", "activate"))
_REPLICATION = frozenset(
    {("Site", "publication"), ("Site", "apply"), ("Plan", "apply"), ("Plan", "discard"), ("Replica", "replicate_now")}
) | frozenset(("Ticket", name) for name in ("pause", "resume", "pin", "unpin"))

# It runs the scheduler and leaves a record that alarms may hang on, so it is not any reader's.
_DRILLS = frozenset({("Site", "drill")})

_METHODS = {
    Role.VIEWER: READING,
    Role.OPERATOR: READING | _DRILLS | _TICKETS,
    Role.REPLICATOR: READING | _DRILLS | _REPLICATION,
}


def permits(role: Role, class_name: str, method: str) -> bool:
    """Whether a role may call a method."""
    return role is Role.ADMINISTRATOR or (class_name, method) in _METHODS[role]


def least_role(class_name: str, method: str) -> Role:
    """The role that is enough for a method and gives the least besides."""
    return next(role for role in Role if permits(role, class_name, method))


def writes(class_name: str, method: str) -> bool:
    """Whether a method can change anything. What is not known to read writes."""
    return (class_name, method) not in READING | {("Site", "publication")}
