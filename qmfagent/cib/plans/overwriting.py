"""What a plan does to drift: members that were edited here after they had been delivered.

Rules of this file: pure. Nothing that was edited here is overwritten without a word. What the publication leaves as it was
delivered can be kept; what both sides changed is for a person to settle. An edit that the publication brings too is no
matter any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qmfagent.cib import document
from qmfagent.cib.plans.difference import member_changes
from qmfagent.cib.plans.plan import Problem
from qmfagent.cib.plans.since import MAX_NAMED, changed_names


@dataclass(frozen=True, slots=True)
class Overwriting:
    """Which drifted members stay as they are (`kept`), and what is to be known of the others."""

    kept: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def weigh(
    drifted: Mapping[str, bytes], delivered: Mapping[str, bytes], wanted: Mapping[str, bytes], *, keep: bool
) -> Overwriting:
    """What becomes of the `drifted` members: their canonical lines now by id, empty for what is gone.

    `delivered` are the lines as they were delivered, `wanted` as they are to be; a member that is missing there is to go.
    With `keep` what was not published anew stays, and anything else is an error.
    """
    kept, problems = [], []
    for identifier, now in drifted.items():
        before, after = delivered[identifier], wanted.get(identifier, b"")
        if alike(now, after):
            continue
        unchanged = alike(before, after)
        if keep and unchanged:
            kept.append(identifier)
        else:
            problems.append(_problem(identifier, before, now, anew=not unchanged, keep=keep))
    if kept:
        problems.append(Problem("drift-kept", "note", _kept(kept)))
    return Overwriting(tuple(kept), tuple(problems))


def alike(one: bytes, other: bytes) -> bool:
    """Whether two canonical lines of a member, either of them empty for none, mean the same."""
    if one == other or not one or not other:
        return one == other
    return member_changes(document.parse_element(one), document.parse_element(other), "") == []


def _problem(identifier: str, before: bytes, now: bytes, *, anew: bool, keep: bool) -> Problem:
    kind = document.parse_element(before).tag
    edit = f"changed here ({_names(changed_names(before, now))})" if now else "deleted here"
    what = f"{kind!s} {identifier!r} was {edit} after it had been delivered"
    if not anew:
        return Problem("drift", "warning", f"{what}; this plan takes that back")
    if not keep:
        return Problem("drifted", "warning", f"{what}, and is to change here too; this plan overwrites that")
    return Problem(
        "drifted",
        "error",
        f"{what}, and is to change here too: replicate by hand to overwrite it, or take the edit back",
    )


def _kept(kept: list[str]) -> str:
    return f"edited here after they had been delivered, and left as they are: {_names(kept)}"


def _names(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more
