from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.change import CibChange
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import CibError, ClusterError, ConfigurationChanged, PatchError, WriteRejected
from qmfagent.pacemaker import write
from qmfagent.pacemaker.feed import Feed
from qmfagent.pacemaker.write import Outcome

PATCHSET = (
    b'<diff format="2"><version><source epoch="99"/><target epoch="100"/></version>'
    b'<change operation="create" path="/cib/configuration/resources" position="0"><primitive id="web"/></change></diff>'
)


class World:
    """A CIB behind a feed: each answer of `outcomes` is given once, after `happens` was done."""

    def __init__(self, document: bytes, *outcomes: Outcome) -> None:
        self.feed = Feed()
        self.become(document)
        self.digest = self.feed.current().config_digest
        self.outcomes = list(outcomes)
        self.happens: Callable[[], None] = lambda: None
        self.refreshes: Callable[[], None] = lambda: None
        self.sent: list[bytes] = []

    def become(self, document: bytes) -> None:
        self.feed.publish(CibChange(Snapshot.parse(document)))

    async def submit(self, patchset: bytes) -> tuple[Outcome, str]:
        self.sent.append(patchset)
        self.happens()
        return self.outcomes.pop(0), "no, thank you"

    async def refresh(self) -> None:
        self.refreshes()

    async def apply(self, patchset: bytes = PATCHSET) -> Version:
        return await write.apply(self.feed, self.submit, self.refresh, patchset, self.digest)


async def test_the_versions_sent_are_those_of_the_configuration(cib: Callable[..., bytes]) -> None:
    world = World(cib(3, 5), Outcome.APPLIED)
    world.happens = lambda: world.become(cib(4, 1))
    assert await world.apply() == Version(0, 4, 0)
    version = etree.fromstring(world.sent[0]).find("version")
    assert version is not None
    assert [dict(element.attrib) for element in version] == [
        {"admin_epoch": "0", "epoch": "3"},
        {"admin_epoch": "0", "epoch": "4", "num_updates": "0"},
    ]


async def test_a_configuration_that_changed_before_is_refused_unsent(cib: Callable[..., bytes]) -> None:
    world = World(cib(3))
    world.become(cib(4).replace(b'id="db"', b'id="other"'))
    with pytest.raises(ConfigurationChanged):
        await world.apply()
    assert not world.sent


async def test_a_configuration_that_changed_on_the_way_is_refused(cib: Callable[..., bytes]) -> None:
    world = World(cib(3), Outcome.MISFIT)
    world.happens = lambda: world.become(cib(4).replace(b'id="db"', b'id="other"'))
    with pytest.raises(ConfigurationChanged):
        await world.apply()


async def test_a_version_that_moved_without_a_change_is_tried_again(cib: Callable[..., bytes]) -> None:
    """As after a touch of the configuration that left it as it was; here it is seen only when it is read anew."""
    world = World(cib(3), Outcome.MISFIT, Outcome.APPLIED)
    world.refreshes = lambda: world.become(cib(7))

    def happens() -> None:
        if len(world.sent) == 2:
            world.become(cib(8))

    world.happens = happens
    assert await world.apply() == Version(0, 8, 0)


async def test_trying_again_has_an_end(cib: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(cib(1), *[Outcome.MISFIT] * 1000)
    world.happens = lambda: world.become(cib(world.feed.current().version.epoch + 1))
    # Each try takes four of the ten seconds.
    monkeypatch.setattr("tenacity.time", SimpleNamespace(monotonic=lambda: 4.0 * len(world.sent)))
    with pytest.raises(ClusterError, match="moved at every try for 10 s"):
        await world.apply()
    assert len(world.sent) == 3


async def test_a_rejection_has_pacemakers_words(cib: Callable[..., bytes]) -> None:
    with pytest.raises(WriteRejected, match="no, thank you"):
        await World(cib(1), Outcome.REJECTED).apply()


async def test_a_patchset_that_does_not_fit_is_rejected_though_the_version_stands(cib: Callable[..., bytes]) -> None:
    with pytest.raises(WriteRejected, match=r"no, thank you.*nothing stands at"):
        await World(cib(1), Outcome.MISFIT).apply(PATCHSET.replace(b"/resources", b"/absent"))


async def test_a_write_that_is_not_to_be_seen_is_an_error(
    cib: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "_SEEN_SECONDS", 0.01)
    with pytest.raises(ClusterError, match=r"0\.2\.0 was written"):
        await World(cib(1), Outcome.APPLIED).apply()


async def test_no_change_is_not_sent(cib: Callable[..., bytes]) -> None:
    world = World(cib(3, 5))
    assert await world.apply(b'<diff format="2"/>') == Version(0, 3, 5)
    assert not world.sent


@pytest.mark.parametrize("patchset", [b'<diff format="1"/>', b"<patch/>"])
async def test_another_format_is_a_patch_error(cib: Callable[..., bytes], patchset: bytes) -> None:
    with pytest.raises(PatchError):
        await World(cib()).apply(patchset)


async def test_no_xml_is_a_cib_error(cib: Callable[..., bytes]) -> None:
    with pytest.raises(CibError):
        await World(cib()).apply(b"<diff")


UPGRADE = PATCHSET.replace(
    b"<change ",
    b'<change operation="modify" path="/cib"><change-list><change-attr name="validate-with" operation="set" '
    b'value="pacemaker-3.10"/></change-list><change-result><cib validate-with="pacemaker-3.10" dc-uuid="old"/>'
    b"</change-result></change><change ",
    1,
)


async def test_an_upgrade_is_written_on_the_newest_attributes_and_no_others(cib: Callable[..., bytes]) -> None:
    """What it does not raise changes with the status: between the plan and the write, and while it is being written."""

    def with_dc(updates: int, dc: str) -> bytes:
        return cib(3, updates).replace(b"<cib ", f'<cib dc-uuid="{dc}" '.encode())

    world = World(with_dc(1, "old"), Outcome.MISFIT, Outcome.APPLIED)
    world.become(with_dc(2, "2"))

    def happens() -> None:
        world.become(with_dc(3, "3") if len(world.sent) == 1 else cib(4))

    world.happens = happens
    assert await world.apply(UPGRADE) == Version(0, 4, 0)
    for sent, updates in zip(world.sent, "23", strict=True):
        placed = etree.fromstring(sent)
        assert placed.find("version/source").get("num_updates") == updates
        head = placed.find("change[@path='/cib']/change-result/cib")
        assert (head.get("dc-uuid"), head.get("validate-with"), head.get("epoch")) == (updates, "pacemaker-3.10", "3")
        assert [entry.get("name") for entry in placed.iterfind("change/change-list/change-attr")] == ["validate-with"]
        assert [change.get("operation") for change in placed.iterfind("change")] == ["modify", "create"]


def test_placing_keeps_the_changes_as_they_are(cib: Callable[..., bytes]) -> None:
    changes, source = document.parse_element(PATCHSET), Snapshot.parse(cib(2, 3))
    placed = etree.fromstring(write.place(changes, source, Version(0, 3, 0), guard_status=True))
    assert [document.canonical(c) for c in placed.iterchildren("change")] == [
        document.canonical(c) for c in changes.iterchildren("change")
    ]
    version = placed.find("version/source")
    assert version is not None
    assert dict(version.attrib) == {"admin_epoch": "0", "epoch": "2", "num_updates": "3"}
