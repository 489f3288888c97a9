"""What is checked of a plan before the first write of it: the schema, crm_verify, the agents and their parameters."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from qmfagent.cib import document
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.plans.plan import Plan, Problem
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import ClusterError, UnknownObject
from qmfagent.pacemaker.metadata import AgentMetadata, NoMetadata
from qmfagent.pacemaker.validation import PacemakerChecks
from qmfagent.pacemaker.verify import CrmVerify, Finding

EASY = '<cluster_property_set id="o"><nvpair id="o-s" name="stonith-enabled" value="false"/></cluster_property_set>'
METADATA = b"""<resource-agent name="db"><parameters>
<parameter name="ip" required="1"><content type="string"/></parameter>
<parameter name="mode" required="1"><content type="string" default="fast"/></parameter>
<parameter name="port"/>
</parameters></resource-agent>
"""


def cib(resources: str = "", constraints: str = "", schema: str = "pacemaker-3.9", options: str = EASY) -> Snapshot:
    return Snapshot.parse(
        f'<cib validate-with="{schema}" admin_epoch="0" epoch="5" num_updates="3" crm_feature_set="3.16.1">'
        f"<configuration><crm_config>{options}</crm_config><nodes/><resources>{resources}</resources>"
        f"<constraints>{constraints}</constraints></configuration><status/></cib>".encode()
    )


def primitive(inner: str = "", identifier: str = "a", agent: str = "pacemaker:Dummy") -> str:
    provider, _, name = agent.partition(":")
    return f'<primitive id="{identifier}" class="ocf" provider="{provider}" type="{name}">{inner}</primitive>'


def parameters(identifier: str = "i", **values: str) -> str:
    pairs = "".join(f'<nvpair id="{identifier}-{n}" name="{n}" value="{v}"/>' for n, v in values.items())
    return f'<instance_attributes id="{identifier}">{pairs}</instance_attributes>'


TICKET = '<rsc_ticket id="c" rsc="a" ticket="T"/>'


class Quiet(CrmVerify):
    """A crm_verify that counts how often it is asked, and finds what it is told of the candidate."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__()
        self.asked = 0
        self.findings = findings

    async def new_findings(self, target: Snapshot, candidate: Snapshot) -> tuple[Finding, ...]:
        self.asked += 1
        return self.findings


class Absent(CrmVerify):
    """A crm_verify that is not there."""

    async def new_findings(self, target: Snapshot, candidate: Snapshot) -> tuple[Finding, ...]:
        raise ClusterError("crm_verify can't be run: No such file", hint="install pacemaker-cli-utils")


def agents(**known: bytes) -> AgentMetadata:
    """The agents x:NAME that are installed, with their metadata; empty for one that does not tell."""

    async def ask(agent: str) -> bytes:
        name = agent.rpartition(":")[2]
        if name not in known:
            raise UnknownObject(f"there is no agent {agent}")
        if not known[name]:
            raise ClusterError(f"{agent} fails")
        return known[name]

    return AgentMetadata(ask)


async def checked(
    source: Snapshot, target: Snapshot, checks: PacemakerChecks, schema: str = "pacemaker-3.9"
) -> tuple[Plan, Snapshot]:
    """The plan for ticket T after the checks, and what the target becomes by it."""
    wanted = closure(source, "T")
    plan = make_plan(target, wanted)
    assert not plan.errors
    candidate = target.advance(document.parse_element(plan.patchset))
    plan = await checks.checked(plan, target, candidate, wanted, schema)
    return plan, target.advance(document.parse_element(plan.patchset))


async def problems(source: str, checks: PacemakerChecks, *, target: Snapshot | None = None) -> Sequence[Problem]:
    """The problems of bringing these resources to a target."""
    plan, _ = await checked(cib(source, TICKET), target or cib(), checks)
    return plan.problems


class TestAgents:
    async def test_one_that_is_not_there_is_an_error_that_names_who_uses_it(self) -> None:
        source = f'<group id="a">{"".join(primitive("", f"p{n}", "x:gone") for n in range(5))}</group>'
        (found,) = await problems(source, PacemakerChecks(agents(), Quiet()))
        assert (found.code, found.severity) == ("no-agent", "error")
        assert "no agent ocf:x:gone on this node" in found.message
        assert "primitive 'p0', primitive 'p1', primitive 'p2' and 2 more" in found.message

    async def test_it_is_asked_about_again_each_time_since_it_may_be_installed_meanwhile(self) -> None:
        installed: dict[str, bytes] = {}

        async def ask(agent: str) -> bytes:
            if agent not in installed:
                raise UnknownObject("no")
            return installed[agent]

        checks = PacemakerChecks(AgentMetadata(ask), Quiet())
        assert [p.code for p in await problems(primitive("", agent="x:db"), checks)] == ["no-agent"]
        installed["ocf:x:db"] = b"<resource-agent/>"
        assert not await problems(primitive("", agent="x:db"), checks)

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"ip": "1", "port": "2"}, []),
            ({"ip": "1", "porrt": "2"}, ["no parameter 'porrt'"]),
            ({"port": "2"}, ["wants the parameter 'ip'"]),
            ({"ip": "1", "trace_ra": "1"}, []),
        ],
    )
    async def test_parameters(self, given: dict[str, str], words: list[str]) -> None:
        found = await problems(
            primitive(parameters(**given), agent="x:db"), PacemakerChecks(agents(db=METADATA), Quiet())
        )
        assert [(p.code, p.severity) for p in found] == [("no-parameter", "warning")] * len(words)
        assert all(word in p.message for word, p in zip(words, found, strict=True))

    async def test_what_a_template_or_a_collection_gives_counts(self) -> None:
        template = (
            f'<template id="t" class="ocf" provider="x" type="db">{parameters("t-i", ip="1", odd="2")}</template>'
        )
        source = template + f'<group id="a">{parameters("g-i", other="1")}<primitive id="p" template="t"/></group>'
        (found,) = await problems(source, PacemakerChecks(agents(db=METADATA), Quiet()))
        assert "'odd'" in found.message

    async def test_what_runs_in_a_container_is_not_looked_for_here(self) -> None:
        source = (
            '<bundle id="a"><podman image="i" replicas="1"/><network ip-range-start="10.0.0.1" control-port="1"/>'
            f"{primitive('', 'p', 'x:gone')}</bundle>"
        )
        assert not await problems(source, PacemakerChecks(agents(), Quiet()))

    async def test_one_that_does_not_tell_is_noted(self) -> None:
        (found,) = await problems(primitive("", agent="x:mute"), PacemakerChecks(agents(mute=b""), Quiet()))
        assert (found.code, found.severity) == ("not-verified", "note")
        assert "ocf:x:mute" in found.message

    async def test_a_fencing_device_may_have_what_the_fencer_reads(self) -> None:
        source = (
            '<primitive id="a" class="stonith" type="db">' + parameters(pcmk_host_list="n1", ip="1") + "</primitive>"
        )
        assert not await problems(source, PacemakerChecks(agents(db=METADATA), Quiet()))

    async def test_with_a_cib_in_a_file_there_is_no_node_to_look_at(self) -> None:
        assert not await problems(primitive("", agent="x:gone"), PacemakerChecks(NoMetadata(), Quiet()))


class TestWhatIsAsked:
    @pytest.mark.parametrize(
        ("before", "after", "times"),
        [
            (parameters(fake="1"), parameters(fake="2"), 0),
            (parameters(fake="1"), parameters(fake="1", state="2"), 1),
            (parameters(fake="1"), "", 1),
            ('<meta_attributes id="m"><nvpair id="m-p" name="priority" value="1"/></meta_attributes>',
             '<meta_attributes id="m"><nvpair id="m-p" name="priority" value="x"/></meta_attributes>', 1),
            ('<operations><op id="op" name="monitor" interval="1s"/></operations>',
             '<operations><op id="op" name="monitor" interval="2s"/></operations>', 1),
        ],
    )  # fmt: skip
    async def test_other_values_of_parameters_are_not_verified_and_all_else_is(
        self, before: str, after: str, times: int
    ) -> None:
        checks = PacemakerChecks(NoMetadata(), verify := Quiet())
        _, here = await checked(cib(primitive(before), TICKET), cib(), checks)
        verify.asked = 0
        await checked(cib(primitive(after), TICKET), here, checks)
        assert verify.asked == times

    async def test_what_crm_verify_finds_keeps_its_severity(self) -> None:
        checks = PacemakerChecks(NoMetadata(), Quiet(("error", "no good"), ("warning", "odd")))
        assert await problems(primitive(), checks) == (
            Problem("verify", "error", "crm_verify: no good"),
            Problem("verify", "warning", "crm_verify: odd"),
        )

    async def test_without_crm_verify_the_plan_says_so_and_goes_on(self) -> None:
        (found,) = await problems(primitive(), PacemakerChecks(NoMetadata(), Absent()))
        assert (found.code, found.severity) == ("not-verified", "note")
        assert "install pacemaker-cli-utils" in found.message


class TestSchema:
    """Schemas of our own: NAME takes the primitives whose class it knows."""

    @pytest.fixture
    def schemas(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        monkeypatch.setenv("PCMK_schema_directory", str(tmp_path))

        def write(**classes: str) -> None:
            for number, names in classes.items():
                choice = "".join(f"<value>{name}</value>" for name in names.split())
                (tmp_path / f"pacemaker-{number[1:].replace('_', '.')}.rng").write_text(RNG.format(choice=choice))

        return write

    async def planned(self, schema: str, kind: str = "systemd", here: str = "pacemaker-3.1") -> tuple[Plan, Snapshot]:
        source = cib(f'<primitive id="a" class="{kind}" type="x"/>', TICKET, schema)
        checks = PacemakerChecks(NoMetadata(), Quiet())
        return await checked(source, cib(schema=here), checks, schema)

    async def test_what_is_valid_stays_with_its_schema_whatever_the_publishers_is(
        self, schemas: Callable[..., None]
    ) -> None:
        schemas(_3_1="ocf systemd")
        plan, after = await self.planned("pacemaker-3.2")
        assert (plan.upgrade, plan.problems, after.validate_with) == (None, (), "pacemaker-3.1")

    async def test_it_is_raised_where_that_is_all_it_takes(self, schemas: Callable[..., None]) -> None:
        schemas(_3_1="ocf", _3_2="ocf systemd")
        plan, after = await self.planned("pacemaker-3.2")
        assert plan.to_map()["upgrade"] == {"from": "pacemaker-3.1", "to": "pacemaker-3.2"}
        assert not plan.problems
        assert plan.token
        assert (after.validate_with, after.head["crm_feature_set"]) == ("pacemaker-3.2", "3.16.1")
        assert "a" in after.members

    @pytest.mark.parametrize(
        ("published", "words"),
        [
            ("pacemaker-3.9", "update Pacemaker at this site"),
            ("pacemaker-3.2", "nor is it by the publisher's pacemaker-3.2"),
            ("pacemaker-4.0", "not valid by pacemaker-3.1"),
            ("pacemaker-3.0", "not valid by pacemaker-3.1"),
            ("", "not valid by pacemaker-3.1"),
        ],
    )
    async def test_otherwise_it_is_an_error_that_says_what_to_do(
        self, schemas: Callable[..., None], published: str, words: str
    ) -> None:
        schemas(_3_0="ocf lsb", _3_1="ocf", _3_2="ocf", _4_0="ocf lsb")
        plan, _ = await self.planned(published, "lsb")
        (found,) = plan.errors
        assert found.code == "schema"
        assert words in found.message
        assert (plan.upgrade, plan.token) == (None, "")

    @pytest.mark.parametrize("here", ["none", "", "pacemaker-3.9"])
    async def test_a_cib_whose_schema_is_none_or_not_known_here_is_not_judged(
        self, schemas: Callable[..., None], here: str
    ) -> None:
        schemas(_3_1="ocf")
        plan, _ = await self.planned("pacemaker-3.9", here=here)
        assert not plan.problems


RNG = """<grammar xmlns="http://relaxng.org/ns/structure/1.0" datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
<start><element name="cib"><ref name="any"/></element></start>
<define name="any"><zeroOrMore><choice><attribute><anyName/></attribute><element name="primitive"><interleave>
<attribute name="class"><choice>{choice}</choice></attribute><zeroOrMore><attribute><anyName><except><name>class</name>
</except></anyName></attribute></zeroOrMore></interleave></element>
<element><anyName><except><name>primitive</name></except></anyName><ref name="any"/></element></choice></zeroOrMore></define>
</grammar>"""


@pytest.mark.pacemaker
class TestPacemaker:
    """Pacemaker's own schemas, crm_verify and agents."""

    pytestmark = pytest.mark.usefixtures("pacemaker_tools")

    @pytest.fixture
    def checks(self) -> PacemakerChecks:
        return PacemakerChecks(AgentMetadata(wait=60.0))

    async def test_a_good_plan_has_no_problems(self, checks: PacemakerChecks) -> None:
        assert not await problems(primitive(parameters(fake="1")), checks)

    async def test_what_crm_verify_finds_is_told(self, checks: PacemakerChecks) -> None:
        twice = "".join(f'<op id="o{n}" name="monitor" interval="10s"/>' for n in (1, 2))
        found = await problems(primitive(f"<operations>{twice}</operations>"), checks)
        assert [(p.code, p.severity) for p in found] == [("verify", "error")]
        assert "o2 is duplicate of o1" in found[0].message

    async def test_what_it_finds_already_is_nobodys_fault(self, checks: PacemakerChecks) -> None:
        assert not await problems(primitive(), checks, target=cib(options=""))

    async def test_agents_and_parameters_are_those_of_this_node(self, checks: PacemakerChecks) -> None:
        found = await problems(primitive(parameters(fakke="1")), checks)
        assert ["'fakke'" in p.message for p in found] == [True]
        found = await problems(primitive(agent="pacemaker:NoSuchAgent"), checks)
        assert [p.code for p in found] == ["no-agent"]

    async def test_a_role_of_a_later_schema_takes_an_upgrade_that_cibadmin_writes(
        self, checks: PacemakerChecks, tmp_path: Path
    ) -> None:
        """rsc-role="Promoted" came with pacemaker-3.7, where it was Master before."""
        clone = (
            '<clone id="a"><meta_attributes id="m"><nvpair id="m-p" name="promotable" value="true"/></meta_attributes>'
        )
        source = cib(
            f"{clone}{primitive('', 'p', 'pacemaker:Stateful')}</clone>",
            TICKET.replace("/>", ' rsc-role="Promoted" loss-policy="demote"/>'),
        )
        target = cib(schema="pacemaker-3.0")
        plan, after = await checked(source, target, checks)
        assert plan.to_map()["upgrade"] == {"from": "pacemaker-3.0", "to": "pacemaker-3.9"}
        assert not plan.problems
        path = tmp_path / "cib.xml"
        path.write_bytes(document.pretty(target.to_element()))
        environment = {**os.environ, "CIB_file": str(path)}
        subprocess.run(
            ["cibadmin", "--patch", "--xml-pipe"], input=plan.patchset, env=environment, check=True, timeout=60
        )
        written = Snapshot.parse(path.read_bytes())
        assert (written.validate_with, written.config_digest) == ("pacemaker-3.9", after.config_digest)
        assert written.version.epoch == after.version.epoch


@pytest.mark.pacemaker
async def test_crm_verify_judges_without_the_schema_what_it_would_judge_with_it(
    pacemaker_tools: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the schema is left out, to be quick, changes nothing that is found: neither of this series nor of an earlier."""
    odd = '<meta_attributes id="m"><nvpair id="m-t" name="target-role" value="Bogus"/></meta_attributes>'
    for schema in ("pacemaker-3.9", "pacemaker-3.0", "pacemaker-2.10"):
        candidate = cib(primitive(odd), schema=schema)
        quick = await CrmVerify().new_findings(cib(schema=schema), candidate)
        assert quick
        with monkeypatch.context() as patched:
            patched.setattr("qmfagent.pacemaker.schemas.is_current", lambda name: False)
            assert await CrmVerify().new_findings(cib(schema=schema), candidate) == quick
