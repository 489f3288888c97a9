"""A site of this version follows a holder of an earlier one: the recorded bytes are answered, verified, planned and applied."""

from __future__ import annotations

from tests.interop.conftest import Follow
from tests.interop.life import ADDRESS
from tests.interop.recorded import Recording
from tests.interop.recorded_agent import RecordedAgent
from tests.sites.pair import Site


def known(holder: RecordedAgent) -> list[str]:
    """The digests that publications were asked for against, in turn."""
    return [str(arguments["known"]) for method, arguments in holder.asked if method == "publication"]


def address(site: Site) -> str | None:
    """What was delivered to the site."""
    return site.snapshot.ids["vip-ip"].get("value")


async def test_it_is_followed_by_hand(recording: Recording, follow: Follow) -> None:
    async with RecordedAgent(recording, "sitea") as holder:
        site = await follow(holder)
        first = (await site.replica("T", "sitea", state="behind", direction="from"))["published"]
        planned = await site.call("Site:siteb", "plan", ticket="T")
        assert planned["plan"]["problems"] == []
        await site.call("Site:siteb", "apply", token=planned["token"])
        await site.replica("T", "sitea", state="in-sync", applied=first)
        assert {"vip", "web", "web-with-vip", "local-b"} <= site.snapshot.members.keys()
        assert address(site) == "10.1.0.10"

        holder.step("changed")
        second = (await site.replica("T", "sitea", state="behind"))["published"]
        assert second != first
        assert (await site.call("Replica:T:sitea", "replicate_now"))["changes"] == 1
        assert address(site) == ADDRESS
        # The change alone came over the wire, told against what was there already.
        assert known(holder)[0] == ""
        assert set(known(holder)[1:]) <= {first, second}

        holder.step("moved")
        await site.replica("T", "sitea", direction="none")
        assert address(site) == ADDRESS
        assert not holder.unknown


async def test_it_is_followed_automatically(recording: Recording, follow: Follow) -> None:
    async with RecordedAgent(recording, "sitea") as holder:
        site = await follow(holder, mode="automatic")
        await site.event("applied", ticket="T", publisher="sitea")
        assert address(site) == "10.1.0.10"
        holder.step("changed")
        await site.replica("T", "sitea", state="in-sync", drift=0)
        await site.event("applied", version="0.11.0")
        assert address(site) == ADDRESS
        assert not holder.unknown


async def test_its_version_is_told(recording: Recording, follow: Follow) -> None:
    async with RecordedAgent(recording, "sitea") as holder:
        site = await follow(holder)
        (peer,) = (await site.object("Site:siteb"))["peers"]
        assert (peer["site"], peer["connected"], peer["version"], peer["reason"]) == (
            "sitea",
            True,
            recording.version,
            "",
        )
