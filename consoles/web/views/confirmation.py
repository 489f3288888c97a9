"""What somebody confirms who applies a plan, in words.

Rules of this file: pure. It repeats what the plan says would happen and adds nothing that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consoles.everywhere import SitePlan
from consoles.web.work import Proposal
from qmfagent.cib.plans.report import visible_changes

_MADE = (("create", "added"), ("modify", "changed"), ("delete", "deleted"), ("move", "moved"))
_DEEDS = (
    ("stop", "Stops"),
    ("restart", "Restarts"),
    ("recover", "Recovers"),
    ("demote", "Is demoted"),
    ("move", "Moves"),
    ("migrate", "Migrates"),
    ("start", "Starts"),
    ("promote", "Is promoted"),
    ("reload", "Reloads"),
    ("fence", "Is fenced"),
)
"""Actions as crm_simulate names them, those first that take something away."""
NAMED = 20
"""Resources that are named, the rest is counted."""


@dataclass(frozen=True, slots=True)
class SiteConfirmation:
    """What will happen at one site: `counts` and `deeds` in words, `warnings` of the plan; `token` binds it."""

    site: str
    counts: str
    deeds: tuple[str, ...]
    warnings: tuple[str, ...]
    token: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What will happen, site by site, those that are `left_out` and why, and what comes of it afterwards."""

    title: str
    sites: tuple[SiteConfirmation, ...]
    left_out: tuple[tuple[str, str], ...]
    afterwards: tuple[str, ...]


def confirmation(proposal: Proposal) -> Confirmation:
    """The words for a proposal."""
    purpose = proposal.purpose
    what = {"rollback": f"roll back change {purpose.change} of", "heal": "heal the drift of"}.get(
        purpose.kind, "replicate"
    )
    to = "to" if purpose.kind == "replicate" else "at"
    sites = tuple(each.site for each in proposal.plans if each.plan is not None and each.plan.token and each.good)
    return Confirmation(
        f"{what[0].upper()}{what[1:]} ticket {purpose.ticket} {to} {' and '.join(sites) or 'no site'}?",
        tuple(_site(each) for each in proposal.plans if each.site in sites),
        tuple((each.site, each.problem) for each in proposal.plans if not each.good),
        tuple(_afterwards(proposal, sites)),
    )


def counts(changes: Sequence[Mapping[str, Any]]) -> str:
    """ "2 elements are added, 1 element is deleted": how many of each kind."""
    found = [(sum(change["operation"] == name for change in changes), word) for name, word in _MADE]
    parts = [f"{number} element{' is' if number == 1 else 's are'} {word}" for number, word in found if number]
    return ", ".join(parts) or "only the record of what is owned changes"


def deeds(preview: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What the cluster would do because of a plan, a sentence for each kind of action."""
    if preview is None:
        return ("What starts, stops or moves is not known: there is no preview.",)
    if preview["reason"]:
        return (f"What starts, stops or moves is not known: {preview['reason']}.",)
    if not preview["actions"]:
        return ("Nothing starts, stops or moves.",)
    by_kind: dict[str, list[str]] = {}
    for action in preview["actions"]:
        kind = next((words for name, words in _DEEDS if name == _kind(action)), str(action["action"]))
        by_kind.setdefault(kind, []).append(_what(action))
    order = [words for _, words in _DEEDS]
    ranked = sorted(by_kind, key=lambda kind: order.index(kind) if kind in order else len(order))
    return tuple(f"{kind}: {_named(by_kind[kind])}." for kind in ranked)


def _site(each: SitePlan) -> SiteConfirmation:
    assert each.plan is not None
    content = each.plan.content
    warnings = (problem["message"] for problem in content["problems"] if problem["severity"] == "warning")
    return SiteConfirmation(
        each.site, counts(visible_changes(content)), deeds(content["preview"]), tuple(warnings), each.plan.token
    )


def _afterwards(proposal: Proposal, sites: Sequence[str]) -> list[str]:
    purpose = proposal.purpose
    found = []
    if len(sites) > 1:
        found.append("Where it fails at one site, the others are rolled back, and pinned.")
    if purpose.kind == "rollback":
        found.append(
            f"The ticket is pinned at {purpose.site} then: nothing newer is applied by itself until it is unpinned."
        )
    if purpose.adopt:
        found.append("Local elements that are taken over belong to replication from then on.")
    return [*found, "It can be rolled back, from the history."]


def _kind(action: Mapping[str, Any]) -> str:
    return str(action["action"]).partition(" ")[0].lower()


def _what(action: Mapping[str, Any]) -> str:
    name = action["resource"] or action["target"] or action["source"]
    source, target = action["source"], action["target"]
    if not action["resource"] or not (source or target):
        return str(name)
    return (
        f"{name} from {source} to {target}"
        if source and target and source != target
        else f"{name} on {target or source}"
    )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
