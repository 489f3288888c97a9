"""Nothing is taken from an agent that is too far apart: it is said by name, and everything else goes on."""

from __future__ import annotations

import pytest

from qmfagent.errors import RemoteError
from tests.interop.conftest import Follow
from tests.interop.recorded import Recording
from tests.interop.recorded_agent import RecordedAgent
from tests.web.served import WholeConsole

REASON = r"site sitea is of version {}, this one of .*too far apart to replicate; update qmfagent here"


@pytest.mark.parametrize("version", ["0.99.0", "1.0.0"])
async def test_it_is_refused_and_still_seen(recording: Recording, follow: Follow, version: str) -> None:
    async with RecordedAgent(recording, "sitea", version) as holder:
        site = await follow(holder, mode="automatic")
        replica = await site.replica("T", "sitea", state="blocked", reason="version")
        assert f"is of version {version}" in replica["message"]
        await site.event("apply_failed", reason="version", ticket="T", publisher="sitea")
        with pytest.raises(RemoteError, match=REASON.format(version)) as refused:
            await site.call("Site:siteb", "plan", ticket="T")
        assert refused.value.reason == "version"
        assert "publication" not in dict(holder.asked)
        assert "vip" not in site.snapshot.members
        (peer,) = (await site.object("Site:siteb"))["peers"]
        assert (peer["connected"], peer["version"], peer["reason"]) == (True, version, "version")
        async with WholeConsole([holder.url, site.bus.url("siteb")]) as console:
            (ticket,) = await console.tickets()
        assert ticket.holders == ("sitea",)
        assert [(at.site, at.state, at.reason) for at in ticket.sites] == [
            ("sitea", "holder", ""),
            ("siteb", "blocked", "version"),
        ]


async def test_its_claim_counts_all_the_same(recording: Recording, follow: Follow) -> None:
    """What is refused is its configuration: two sites that hold one ticket are a split, whatever they run."""
    async with RecordedAgent(recording, "sitea", "0.99.0") as holder:
        site = await follow(holder, mode="automatic")
        await site.replica("T", "sitea", reason="version")
        await site.ticket("T", "grant")
        await site.replica("T", "sitea", reason="split")


async def test_it_goes_on_once_both_are_of_neighbouring_versions(recording: Recording, follow: Follow) -> None:
    async with RecordedAgent(recording, "sitea", "0.99.0") as holder:
        site = await follow(holder, mode="automatic")
        await site.replica("T", "sitea", reason="version")
        holder.restart(recording.version)
        await site.replica("T", "sitea", state="in-sync")
        assert "vip" in site.snapshot.members
