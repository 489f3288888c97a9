"""The agents that a publication brings along: what is not listed is refused, however it is brought in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from qmfagent.cib.agents import AgentUse, agent_uses
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling.mangle import SiteRules, mangle
from qmfagent.cib.mangling.overrides import Override, SiteFile
from qmfagent.cib.mangling.transform import Stylesheet, transform
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import Refused
from qmfagent.policy.agents import AllowList
from qmfagent.policy.secrets import Secrets
from qmfagent.replication.applying.acceptance import Acceptance
from qmfagent.replication.applying.applier import Applier, blocking
from qmfagent.replication.publishing.signature import Verifier
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.fakes import ACCEPTANCE, FakeRemotes, MemoryLedger, MemoryStore, publication, unmangled
from tests.sites.pair import SitePair

SAFE = '<primitive id="p" class="ocf" provider="heartbeat" type="IPaddr2"/>'
XSLT = """<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>
<xsl:template match="primitive/@type"><xsl:attribute name="type">anything</xsl:attribute></xsl:template>
</xsl:stylesheet>"""


def closure_of(resources: str, rsc: str = "p") -> Closure:
    cib = (
        f'<cib admin_epoch="0" epoch="1" num_updates="0"><configuration><resources>{resources}</resources>'
        f'<constraints><rsc_ticket id="c" rsc="{rsc}" ticket="T"/></constraints></configuration></cib>'
    )
    return closure(Snapshot.parse(cib.encode()), "T")


def problems(found: Closure, *agents: str) -> list[str]:
    """What stands against a closure at a site that takes those agents."""
    acceptance = Acceptance(Verifier({}), AllowList.of(*agents), Secrets())
    given = acceptance.problems(found)
    assert all((problem.code, problem.severity) == ("agent-not-allowed", "error") for problem in given)
    return [problem.message for problem in given]


@pytest.mark.parametrize(
    ("resources", "named"),
    [
        (SAFE, []),
        (SAFE.replace("IPaddr2", "anything"), ["primitive 'p' runs ocf:heartbeat:anything"]),
        (SAFE.replace('class="ocf" provider="heartbeat"', 'class="systemd"'), ["primitive 'p' runs systemd:IPaddr2"]),
        (SAFE.replace("IPaddr2", "../../../tmp/evil"), ["names 'ocf:heartbeat:../../../tmp/evil'"]),
        ('<primitive id="p"/>', ["primitive 'p' names ''"]),
        (
            '<template id="t" class="ocf" provider="heartbeat" type="anything"/><primitive id="p" template="t"/>',
            ["template 't' runs ocf:heartbeat:anything"],
        ),
        (
            '<template id="t" class="ocf" provider="heartbeat" type="IPaddr2"/>'
            '<primitive id="p" template="t" class="lsb" type="x"/>',
            ["primitive 'p' runs lsb:x"],
        ),
        (
            f'<clone id="k"><group id="g">{SAFE}<primitive id="q" class="lsb" type="x"/></group></clone>',
            ["primitive 'q' runs lsb:x"],
        ),
        (
            f'<bundle id="b"><podman image="evil/x"/>{SAFE}</bundle>',
            ["bundle 'b' runs bundle:podman:evil/x"],
        ),
        (f'<bundle id="b"><docker image="good/x"/>{SAFE}</bundle>', ["bundle 'b' runs bundle:docker:good/x"]),
        (f'<bundle id="b"><podman/>{SAFE}</bundle>', ["bundle 'b' names 'bundle:podman:'"]),
        (f'<bundle id="b"><podman image="good/x"/>{SAFE}</bundle>', []),
        (
            SAFE.replace("/>", '><meta_attributes id="m"><nvpair id="n" name="remote-node" value="g"/>'
            "</meta_attributes></primitive>"),
            ["primitive 'p' runs ocf:pacemaker:remote"],
        ),
    ],
)  # fmt: skip
def test_every_program_is_found(resources: str, named: list[str]) -> None:
    rsc = "b" if "<bundle" in resources else "k" if "<clone" in resources else "p"
    found = problems(closure_of(resources, rsc), "ocf:heartbeat:IPaddr2", "bundle:podman:good/*")
    assert len(found) == len(named)
    assert all(words in message for words, message in zip(named, found, strict=True))


def test_the_next_publication_is_judged_as_a_whole_though_what_is_the_same_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def of(**types: str) -> Closure:
        resources = "".join(SAFE.replace('"p"', f'"{i}"').replace("IPaddr2", kind) for i, kind in types.items())
        tags = "".join(f'<obj_ref id="{i}"/>' for i in types)
        cib = (
            f"<cib><configuration><resources>{resources}</resources><constraints><rsc_ticket id='c' rsc='all' ticket='T'/>"
            f"</constraints><tags><tag id='all'>{tags}</tag></tags></configuration></cib>"
        )
        return closure(Snapshot.parse(cib.encode()), "T")

    looked_at: list[str] = []

    def watched(element: etree._Element) -> Iterator[AgentUse]:
        looked_at.append(element.get("id", ""))
        return agent_uses(element)

    monkeypatch.setattr("qmfagent.replication.applying.acceptance.agent_uses", watched)
    acceptance = Acceptance(Verifier({}), AllowList.of("ocf:heartbeat:IPaddr2"), Secrets())
    kinds = dict.fromkeys("abcdefghi", "IPaddr2")
    for change, strange, looked in [
        ({"b": "evil"}, "b", "abcdefghi"),
        ({"h": "worse"}, "bh", "h"),
        ({}, "bh", ""),
        ({"b": "IPaddr2"}, "h", "b"),
    ]:
        looked_at.clear()
        kinds |= change
        assert [p.message.split()[1] for p in acceptance.problems(of(**kinds))] == [f"'{i}'" for i in strange]
        assert sorted(looked_at) == list(looked)
    del kinds["h"]
    assert acceptance.problems(of(**kinds)) == ()


def test_a_problem_gives_the_line_that_would_allow_it() -> None:
    (message,) = problems(closure_of(SAFE))
    assert 'put "ocf:heartbeat:IPaddr2" into agents = [...] under [replication]' in message
    assert problems(closure_of(SAFE), "ocf:heartbeat:IPaddr2") == []


@pytest.mark.parametrize(
    ("overrides", "steps"),
    [
        ((Override("primitive/@type", "anything", 1),), ()),
        ((), (Stylesheet("x.xsl", XSLT.encode()),)),
    ],
)
def test_what_this_sites_own_rules_bring_in_is_looked_at(
    overrides: tuple[Override, ...], steps: tuple[Stylesheet, ...]
) -> None:
    mangled = mangle(closure_of(SAFE), {}, SiteRules("site.toml", SiteFile(overrides), steps), transform)
    (message,) = problems(mangled.closure, "ocf:heartbeat:IPaddr2")
    assert "ocf:heartbeat:anything" in message


# -- in the applier


def applier(store: MemoryStore, *agents: str) -> Applier:
    remotes = FakeRemotes(published={"a": publication()})
    remotes.hold("a")
    acceptance = Acceptance(ACCEPTANCE.signers, AllowList.of(*agents), Secrets())
    return Applier("b", store, remotes, unmangled, MemoryLedger(), acceptance)


async def test_one_agent_that_is_not_listed_stops_all_of_it() -> None:
    store = MemoryStore(TARGET)
    prepared = await applier(store, "ocf:heartbeat:IPaddr2").plan("T")
    assert prepared.plan.token == ""
    refusal = blocking(prepared.plan)
    assert isinstance(refusal, Refused)
    assert refusal.reason == "agent-not-allowed"
    assert "'web'" in str(refusal)
    assert "'vip'" not in str(refusal)


async def test_what_is_there_already_is_looked_at_too() -> None:
    """The list was made narrower after the apply."""
    store = MemoryStore(TARGET)
    before = applier(store, "ocf:heartbeat:*")
    await before.apply((await before.plan("T")).plan.token, "CN=admin")
    again = await applier(store, "ocf:heartbeat:apache").plan("T")
    assert not again.plan.changes
    assert [problem.code for problem in again.plan.errors] == ["agent-not-allowed"]


async def test_two_agents_replicate_nothing_that_is_not_listed(tmp_path: Path) -> None:
    sites = SitePair(tmp_path, SOURCE, TARGET)
    sites.accept(sites.b)
    async with sites:
        failed = await sites.b.event("apply_failed", reason="agent-not-allowed")
        assert "ocf:heartbeat:IPaddr2" in failed.values["message"]
        assert "vip" not in sites.b.snapshot.members
