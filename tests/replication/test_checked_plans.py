"""What a console sees of a plan's checks and of its override diff, between two agents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from qmfagent.cib.plans.report_html import plan_html
from qmfagent.errors import RemoteError
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.pair import SitePair

SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "schemas" / "plan.schema.json").read_text(encoding="utf-8"))
)
PROMOTED = SOURCE.replace(
    b'<primitive id="web" class="ocf" provider="heartbeat" type="apache"/>',
    b'<clone id="web"><meta_attributes id="web-m"><nvpair id="web-m-p" name="promotable" value="true"/></meta_attributes>'
    b'<primitive id="w" class="ocf" provider="pacemaker" type="Stateful"/></clone>',
).replace(b'rsc="web" ticket="T" loss-policy="stop"', b'rsc="web" ticket="T" rsc-role="Promoted" loss-policy="demote"')
TWICE = SOURCE.replace(
    b'type="apache"/>',
    b'type="apache"><operations><op id="o1" name="monitor" interval="10s"/><op id="o2" name="monitor" interval="10s"/>'
    b"</operations></primitive>",
)


@asynccontextmanager
async def sites(folder: Path, source: bytes, target: bytes, rules: str = "") -> AsyncIterator[SitePair]:
    """Both agents in manual mode; `rules` are the site file of B."""
    pair = SitePair(folder, source, target, mode="manual")
    (folder / "site-b.toml").write_text(rules)
    pair.use_site_file(pair.b, folder / "site-b.toml")
    async with pair:
        yield pair


async def planned(pair: SitePair) -> dict[str, Any]:
    """What B tells of a plan for ticket T, which is as the schema has it."""
    answer = await pair.b.call("Site:siteb", "plan", ticket="T")
    plan: dict[str, Any] = json.loads(json.dumps(answer["plan"]))
    SCHEMA.validate(plan)
    assert plan_html(plan, "siteb")
    return plan


async def test_the_override_diff_comes_with_the_plan_and_holds_no_secret(tmp_path: Path) -> None:
    source = SOURCE.replace(
        b'value="10.1.0.10"/>', b'value="10.1.0.10"/><nvpair id="vip-pw" name="passwd" value="theirs"/>'
    )
    rules = "".join(
        f"[[override]]\nselect = \"{select}\"\nvalue = '{value}'\n"
        for select, value in (("nvpair[@name='ip']", "10.2.0.10"), ("nvpair[@name='passwd']", "hunter2"), ("x", "y"))
    )
    async with sites(tmp_path, source, TARGET, rules) as pair:
        plan = await planned(pair)
    assert {c["id"]: c["attributes"] for c in plan["override_changes"]} == {
        "vip-ip": [{"name": "value", "old": "10.1.0.10", "new": "10.2.0.10"}],
        "vip-pw": [{"name": "value", "old": "******", "new": "****** (changed)"}],
    }
    assert [len(use["places"]) for use in plan["overrides"]] == [1, 1, 0]
    (unused,) = [problem for problem in plan["problems"] if problem["code"] == "override-unused"]
    assert unused["severity"] == "warning"
    assert plan["cause"] == "publication"
    assert plan["publication"]["site"] == "sitea"
    assert plan["token"]
    for secret in ("hunter2", "theirs"):
        assert secret not in json.dumps(plan) + plan_html(plan)


@pytest.mark.pacemaker
async def test_a_schema_is_raised_with_the_apply_that_takes_it(pacemaker_tools: None, tmp_path: Path) -> None:
    target = TARGET.replace(b"pacemaker-3.9", b"pacemaker-3.0")
    async with sites(tmp_path, PROMOTED, target) as pair:
        plan = await planned(pair)
        assert plan["upgrade"] == {"from": "pacemaker-3.0", "to": "pacemaker-3.9"}
        await pair.b.call("Site:siteb", "apply", token=plan["token"])
        after = pair.b.snapshot
        assert after.validate_with == "pacemaker-3.9"
        assert "web" in after.members
        assert not (await planned(pair))["changes"]


@pytest.mark.pacemaker
async def test_what_crm_verify_is_against_is_not_applied(pacemaker_tools: None, tmp_path: Path) -> None:
    async with sites(tmp_path, TWICE, TARGET) as pair:
        plan = await planned(pair)
        (found,) = [problem for problem in plan["problems"] if problem["severity"] == "error"]
        assert found["code"] == "verify"
        assert "o2 is duplicate of o1" in found["message"]
        assert plan["token"] == ""
        before = pair.b.snapshot.config_digest
        await pair.a.replica("T", "siteb", direction="to")
        with pytest.raises(RemoteError) as refused:
            await pair.a.call("Replica:T:siteb", "replicate_now")
        assert refused.value.reason == "verify"
        assert pair.b.snapshot.config_digest == before


async def test_without_pacemaker_a_plan_says_that_it_was_not_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PCMK_schema_directory", str(tmp_path / "absent"))
    async with sites(tmp_path, SOURCE, TARGET) as pair:
        plan = await planned(pair)
        assert [(p["code"], p["severity"]) for p in plan["problems"]] == [("not-verified", "note")]
        await pair.b.call("Site:siteb", "apply", token=plan["token"])
        assert "vip" in pair.b.snapshot.members
