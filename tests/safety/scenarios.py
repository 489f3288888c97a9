"""What must never happen, each as a course of events in which it would, were it not for one rule.

Rules of this file: a scenario raises AssertionError where the rule is broken, and for nothing else. It is played as it is, and
with the rule taken away.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from lxml import etree

from qmfagent.cib.ownership import owned_ids
from qmfagent.errors import ConfigurationChanged
from qmfagent.replication.applying.intent import APPLY_FAILED, APPLYING
from qmfagent.replication.applying.plans import Prepared
from tests.model.clockwork import Killed
from tests.model.laws import dangling
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.fakes import publication
from tests.safety.site import COLOCATION, WEB, WITHDRAWN, WITHOUT_WEB, Site, refused, source

# -- who may write


async def a_holder_never_applies() -> None:
    """Not what others publish, though they claim nothing any more; nor what was planned before it was granted the ticket."""
    site = Site()
    change = await site.replicate()
    site.publish(source("10.1.0.11"), version=6)
    token = (await site.applier.plan("T")).plan.token
    site.grant(9)
    site.claim()
    with refused(site, "holder"):
        await site.applier.apply(token, "person")
    with refused(site, "holder"):
        await site.applier.plan("T")
    with refused(site, "holder"):
        await site.applier.carry_out(await site.applier.plan_rollback(change), "person")


async def two_claims_stop_everybody() -> None:
    """Whichever of them is right; and at one of the two as well."""
    site = Site()
    token = (await site.applier.plan("T")).plan.token
    site.publish(source("10.3.0.1"), site="c", term=2)
    site.claim(a=1, c=2)
    with refused(site, "split"):
        await site.applier.apply(token, "person")
    with refused(site, "split"):
        await site.replicate()
    site.claim(a=1)
    site.grant(9)
    with refused(site, "split"):
        await site.replicate()


async def a_plan_is_for_its_holder_alone() -> None:
    """The ticket has moved on since."""
    site = Site()
    token = (await site.applier.plan("T")).plan.token
    site.claim(c=2)
    with refused(site, "holder-changed"):
        await site.applier.apply(token, "person")


async def nothing_unsigned_is_taken() -> None:
    """What came under way into other hands is not what its site publishes."""
    site = Site()
    forged = replace(publication(cib=source("6.6.6.6")), signature="AAAA")
    site.remotes.published["a"] = forged
    with refused(site, "bad-signature"):
        await site.replicate()


# -- in which order


async def older_publications_never_overwrite_newer_ones() -> None:
    """Whether they come late, twice, or from the holder before; before and after a restart of the agent."""
    site = Site()
    site.publish(source("10.1.0.12"), version=7)
    await site.replicate()
    site.publish(source("10.1.0.11"), version=6)
    with refused(site, "stale"):
        await site.replicate()
    site.publish(source("10.3.0.1"), site="c", term=4)
    site.claim(c=4)
    await site.replicate()
    site.publish(source("10.1.0.13"), version=8)
    site.claim(a=1)
    await site.restart()
    with refused(site, "stale"):
        await site.replicate()
    assert site.address == "10.3.0.1"


async def an_older_plan_is_refused_after_a_newer_one() -> None:
    """Though the configuration is by chance the one again that it was made on."""
    site = Site()
    token = (await site.applier.plan("T")).plan.token
    site.publish(source("10.1.0.11"), version=6)
    await site.replicate()
    site.store.current = site.states[0]
    with refused(site, "stale"):
        await site.applier.apply(token, "person")


async def what_was_published_under_an_earlier_grant_is_not_taken() -> None:
    """By a site that has had the ticket again since: it is a replay, though nothing newer was taken here."""
    site = Site()
    site.claim(a=7)
    site.publish(source("10.1.0.11"), term=3)
    with refused(site, "stale"):
        await site.replicate()


async def a_plan_of_an_earlier_grant_is_refused() -> None:
    """The ticket was away from its holder since, and is back; what is published now may be something else."""
    site = Site()
    token = (await site.applier.plan("T")).plan.token
    site.claim(a=7)
    with refused(site, "stale"):
        await site.applier.apply(token, "person")


async def an_older_grant_overwrites_nothing_of_a_site_that_held_the_ticket_alone() -> None:
    """It was granted the ticket while the holder before could not be reached; that one is back, and the ticket taken away."""
    site = Site()
    await site.replicate()
    site.grant(9)
    site.claim()
    await site.follow()
    site.edit(b"10.1.0.10", b"10.2.0.99")
    site.revoke()
    site.claim(a=1)
    await site.restart()
    site.publish(source("10.1.0.11"), version=6)
    with refused(site, "stale"):
        await site.replicate()


async def a_contested_grant_makes_nothing_old() -> None:
    """Whoever gives a ticket up that another held all the while follows that one again, though its grant is older."""
    site = Site()
    await site.replicate()
    site.grant(9)
    await site.follow()
    await site.publisher.update(site.store.current)
    site.revoke()
    site.publish(source("10.1.0.11"), version=6)
    await site.follow()
    assert site.address == "10.1.0.11"


# -- what comes back


async def own_applies_are_never_published() -> None:
    """By a site that does not hold the ticket; and by one that does, once."""
    site = Site()
    await site.replicate()
    for _ in range(2):
        assert await site.publisher.update(site.store.current) == []
    assert not site.ledger.named("published")


async def the_record_of_what_is_published_is_no_news() -> None:
    """It changes the holder's CIB, and that leads to nothing."""
    site = Site(SOURCE)
    for _ in range(3):
        await site.publisher.update(site.store.current)
    assert len(site.states) == 2
    assert len(site.ledger.named("published")) == 1


async def a_rollback_is_not_undone() -> None:
    """By an agent that follows automatically."""
    site = Site()
    await site.replicate()
    site.publish(source("10.1.0.11"), version=6)
    change = await site.replicate()
    await site.applier.carry_out(await site.applier.plan_rollback(change), "person")
    await site.restart()
    await site.follow()
    assert site.address == "10.1.0.10"


# -- what is written


async def a_constraint_is_never_without_its_resource() -> None:
    """In no state that the CIB ever has; each apply is one."""
    site = Site()
    await site.replicate()
    site.publish(WITHOUT_WEB, version=6)
    await site.replicate()
    site.publish(SOURCE, version=7)
    await site.replicate()
    assert [dangling(state) for state in site.states] == [set()] * len(site.states)
    assert len(site.states) == 4


async def what_a_local_constraint_needs_is_not_deleted() -> None:
    """The constraint would stand without its resource."""
    site = Site()
    await site.replicate()
    site.edit(b"<rsc_ticket", b'<rsc_location id="mine" rsc="web" node="n1" score="1"/><rsc_ticket')
    site.publish(WITHOUT_WEB, version=6)
    for _ in range(2):
        await site.follow()
        assert not dangling(site.store.current)
    assert "web" in site.store.current.members


async def a_constraint_does_not_come_without_what_was_deleted_here() -> None:
    """Where drift is kept, what somebody has deleted stays so; and a new constraint on it would stand without it."""
    site = Site()
    site.publish(SOURCE.replace(COLOCATION, b""))
    await site.replicate()
    site.delete("ticket-web", "web")
    site.publish(SOURCE, version=6)
    await site.follow()
    assert not dangling(site.store.current)


async def nothing_local_is_touched() -> None:
    """Neither deleted with what was delivered, nor overwritten by what bears its name."""
    site = Site(TARGET.replace(b"</resources>", WEB.replace(b"apache", b"nginx") + b"</resources>"))
    before = site.store.current
    await site.follow()
    assert site.store.current is before
    site.edit(b'id="web"', b'id="mine"')
    own = {i: site.store.current.lines[i] for i in ("mine", "local-b")}
    await site.replicate()
    site.publish(WITHOUT_WEB, version=6)
    await site.replicate()
    assert {i: site.store.current.lines.get(i) for i in own} == own
    assert owned_ids(site.store.current, "T").isdisjoint(own)


async def an_edit_of_what_was_delivered_is_not_overwritten_unseen() -> None:
    """Where drift is kept."""
    site = Site()
    await site.replicate()
    site.edit(b"10.1.0.10", b"10.9.9.9")
    site.publish(SOURCE.replace(WEB, WEB.replace(b"apache", b"nginx")), version=6)
    await site.follow()
    assert site.address == "10.9.9.9"
    site.publish(source("10.1.0.11"), version=7)
    await site.follow()
    assert site.address == "10.9.9.9"


async def everything_is_never_deleted_by_itself() -> None:
    """The last constraint of the ticket has gone at its holder."""
    site = Site()
    await site.replicate()
    site.publish(WITHDRAWN, version=6)
    await site.follow()
    assert site.address == "10.1.0.10"


# -- what goes wrong in the middle


async def an_apply_killed_at_any_point_leaves_the_old_or_the_new() -> None:
    """And the next agent's journal says which; a write is announced before it is made."""
    for point in range(100):
        site = Site()
        await site.replicate()
        old = site.store.current
        site.publish(WITHOUT_WEB.replace(b"10.1.0.10", b"10.1.0.11"), version=6)
        prepared = await site.applier.plan("T")
        new = old.advance(etree.fromstring(prepared.plan.patchset))
        killed = await _killed(site, prepared, point)
        assert site.store.current.config_digest in (old.config_digest, new.config_digest)
        written = site.store.current.config_digest == new.config_digest
        assert not written or len(site.ledger.named(APPLYING)) == 2
        await site.restart()
        assert site.outcome in (("applied",) if written else ("applied", APPLY_FAILED))
        assert len(site.ledger.named("applied")) == (2 if written else 1)
        assert site.applier.standing("T").version.epoch == (6 if written else 5)
        await site.follow()
        assert site.store.current.config_digest == new.config_digest
        if not killed:
            return
    raise AssertionError("it is never done")


async def _killed(site: Site, prepared: Prepared, point: int) -> bool:
    site.fuse.left = point
    try:
        await site.applier.carry_out(prepared, "person")
    except Killed:
        return True
    finally:
        site.fuse.left = None
    return False


async def an_edit_between_plan_and_write_is_never_lost() -> None:
    """At the very last moment, of what the plan is to change."""
    site = Site()
    await site.replicate()
    site.publish(source("10.1.0.11"), version=6)
    prepared = await site.applier.plan("T")
    site.store.meanwhile = lambda: site.edit(b"10.1.0.10", b"10.9.9.9")
    with suppress(ConfigurationChanged):
        await site.applier.carry_out(prepared, "person")
    assert site.address == "10.9.9.9"
