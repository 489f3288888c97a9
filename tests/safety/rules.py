"""The safety rules of replication: the scenario in which each of them matters, and how it is taken away.

Rules of this file: a removal changes what one rule does and nothing else: mostly it has what raises a refusal do nothing.
docs/topics/safety.md explains each rule, in this order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from lxml import etree

from qmfagent.cib.plans import planning, scope
from qmfagent.cib.plans.drift import Drift
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import Refused
from qmfagent.policy import modes
from qmfagent.replication import holders, standings
from qmfagent.replication.applying import planner, writer
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.applying.intent import APPLYING
from qmfagent.replication.applying.writer import Writer
from qmfagent.replication.following import subscriber
from qmfagent.replication.following.subscriber import Subscriber
from qmfagent.replication.publishing.publisher import Publisher
from qmfagent.replication.publishing.signature import Verifier
from tests.replication.fakes import MemoryLedger, MemoryStore
from tests.safety import scenarios

Removal = Callable[[pytest.MonkeyPatch], object]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, the scenario in which it matters, and what takes it away."""

    name: str
    scenario: Callable[[], Awaitable[None]]
    remove: Removal


def _without(target: Any, name: str, result: Any = None) -> Removal:
    """What has a function do nothing but answer with `result`."""
    return lambda patch: patch.setattr(target, name, lambda *args, **kwargs: result)


def _without_async(target: Any, name: str) -> Removal:
    async def nothing(*args: Any, **kwargs: Any) -> None:
        pass

    return lambda patch: patch.setattr(target, name, nothing)


def _all(*removals: Removal) -> Removal:
    return lambda patch: [remove(patch) for remove in removals]


def _one_claim_is_enough(patch: pytest.MonkeyPatch) -> None:
    real = holders.publishing_site

    def first(ticket: str, site: str, state: Any, claims: Any) -> str:
        claiming = [claim for claim in claims if claim.granted]
        return real(ticket, site, None if claiming else state, claiming[:1])

    patch.setattr(holders, "publishing_site", first)


def _contests_are_nothing(patch: pytest.MonkeyPatch) -> None:
    real = Subscriber._followed

    async def followed(self: Subscriber, ticket: str, hold: str) -> None:
        with suppress(Refused):
            await self._applier.held(ticket)
        await real(self, ticket, hold)

    patch.setattr(Subscriber, "_followed", followed)


def _all_is_news(patch: pytest.MonkeyPatch) -> None:
    real = Publisher.update

    async def update(self: Publisher, snapshot: Snapshot) -> Any:
        self._published.clear()
        return await real(self, snapshot)

    patch.setattr(Publisher, "update", update)


def _every_ticket_is_held(patch: pytest.MonkeyPatch) -> None:
    real = Publisher.update

    async def update(self: Publisher, snapshot: Snapshot) -> Any:
        status = etree.fromstring(
            '<status><tickets><ticket_state id="T" granted="true" last-granted="5"/></tickets></status>'
        )
        return await real(self, Snapshot(snapshot.head, snapshot.configuration, status))

    patch.setattr(Publisher, "update", update)


def _change_by_change(patch: pytest.MonkeyPatch) -> None:
    """Each change of a patchset is a write of its own."""

    async def written(self: Writer, prepared: Any) -> Any:
        version = None
        for single in _singles(prepared.plan.patchset):
            here = await self._store.snapshot()
            part = deepcopy(single)
            for name, attributes in (
                ("source", here.version.attributes()),
                ("target", here.version.after_configuration_change().attributes()),
            ):
                part.find(f"version/{name}").attrib.update(attributes)
            version = await self._store.apply(etree.tostring(part), here.config_digest)
        return version

    patch.setattr(Writer, "_written", written)


def _singles(patchset: bytes) -> Iterator[Any]:
    whole = etree.fromstring(patchset)
    for change in whole.findall("change"):
        single = etree.Element("diff", format="2")
        single.append(deepcopy(whole.find("version")))
        single.append(deepcopy(change))
        yield single


def _no_precondition(patch: pytest.MonkeyPatch) -> None:
    real = MemoryStore.apply

    async def apply(self: MemoryStore, patchset: bytes, expected_config_digest: str) -> Any:
        whole = etree.fromstring(patchset)
        here = self.current.version
        for name, version in (("source", here), ("target", here.after_configuration_change())):
            whole.find(f"version/{name}").attrib.update(version.attributes())
        return await real(self, etree.tostring(whole), self.current.config_digest)

    patch.setattr(MemoryStore, "apply", apply)


def _nothing_is_announced(patch: pytest.MonkeyPatch) -> None:
    real = MemoryLedger.record

    def record(self: MemoryLedger, name: str, *args: Any, **kwargs: Any) -> int:
        return 0 if name == APPLYING else real(self, name, *args, **kwargs)

    patch.setattr(MemoryLedger, "record", record)


def _everything_is_ours(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(scope, "owned_ids", lambda target, ticket: frozenset(target.lines))


def _drift_is_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(planning, "find_drift", lambda *args: Drift({}))


def _pins_are_nothing(patch: pytest.MonkeyPatch) -> None:
    real = modes.decide
    patch.setattr(modes, "decide", lambda *args, **kwargs: real(*args, **{**kwargs, "pinned": False}))


def _standings_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = standings.Standings.__init__

    def init(self: Any, ledger: Any) -> None:
        real(self, ledger)
        ledger._standings.clear()

    patch.setattr(standings.Standings, "__init__", init)


_UNORDERED = _all(_without(planner, "check_order"), _without(writer, "check_order"))

RULES = (
    Rule("a holder never applies", scenarios.a_holder_never_applies, _without_async(holders.Holders, "check")),
    Rule("two claims stop everybody", scenarios.two_claims_stop_everybody, _one_claim_is_enough),
    Rule(
        "claims are asked for before each write",
        scenarios.a_plan_is_for_its_holder_alone,
        _without_async(holders.Holders, "check"),
    ),
    Rule("only what its site signed", scenarios.nothing_unsigned_is_taken, _without(Verifier, "check")),
    Rule("nothing older", scenarios.older_publications_never_overwrite_newer_ones, _UNORDERED),
    Rule(
        "the order outlives the agent",
        scenarios.older_publications_never_overwrite_newer_ones,
        _standings_are_forgotten,
    ),
    Rule("no older plan", scenarios.an_older_plan_is_refused_after_a_newer_one, _without(writer, "check_order")),
    Rule(
        "nothing of an earlier grant",
        scenarios.what_was_published_under_an_earlier_grant_is_not_taken,
        _all(_without(planner, "check_grant"), _without(writer, "check_grant")),
    ),
    Rule(
        "no plan of an earlier grant", scenarios.a_plan_of_an_earlier_grant_is_refused, _without(writer, "check_grant")
    ),
    Rule(
        "what was held alone is the newest",
        scenarios.an_older_grant_overwrites_nothing_of_a_site_that_held_the_ticket_alone,
        _without_async(Applier, "held"),
    ),
    Rule("what was contested is not", scenarios.a_contested_grant_makes_nothing_old, _contests_are_nothing),
    Rule("own applies are not published", scenarios.own_applies_are_never_published, _every_ticket_is_held),
    Rule("the record is no news", scenarios.the_record_of_what_is_published_is_no_news, _all_is_news),
    Rule("what was rolled back stays so", scenarios.a_rollback_is_not_undone, _pins_are_nothing),
    Rule("one write", scenarios.a_constraint_is_never_without_its_resource, _change_by_change),
    Rule(
        "nothing in use is deleted",
        scenarios.what_a_local_constraint_needs_is_not_deleted,
        _without(planning, "dangling", ()),
    ),
    Rule(
        "nothing comes without what it needs",
        scenarios.a_constraint_does_not_come_without_what_was_deleted_here,
        _without(planning, "lacking", ()),
    ),
    Rule("clashes stop a plan", scenarios.nothing_local_is_touched, _without(planning, "_standing_against", ())),
    Rule("only what is owned is touched", scenarios.nothing_local_is_touched, _everything_is_ours),
    Rule("drift is seen", scenarios.an_edit_of_what_was_delivered_is_not_overwritten_unseen, _drift_is_nothing),
    Rule(
        "a withdrawal is for a person",
        scenarios.everything_is_never_deleted_by_itself,
        _without(subscriber, "_wants_a_person"),
    ),
    Rule("one write, old or new", scenarios.an_apply_killed_at_any_point_leaves_the_old_or_the_new, _change_by_change),
    Rule(
        "announced before it is made",
        scenarios.an_apply_killed_at_any_point_leaves_the_old_or_the_new,
        _nothing_is_announced,
    ),
    Rule(
        "settled at the next start",
        scenarios.an_apply_killed_at_any_point_leaves_the_old_or_the_new,
        _without(Writer, "_recover"),
    ),
    Rule(
        "on the planned configuration alone", scenarios.an_edit_between_plan_and_write_is_never_lost, _no_precondition
    ),
)
