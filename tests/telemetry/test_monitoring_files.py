"""The dashboard, the alert rules and the reference: they name what a real agent exports, and work.

Rules of this file: promtool is Prometheus' own, from the Debian package.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.installation import ROOT
from tests.lab import requirements
from tests.sites.pair import SitePair
from tests.telemetry.scraping import scrape

MONITORING = ROOT / "qmfagent" / "packaging" / "monitoring"
ALERTS = MONITORING / "alerts.yml"
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text())
TESTS = tuple(Path(__file__).parent / name for name in ("alerts_test.yml", "alerts_slow_test.yml"))
REFERENCE = (ROOT / "docs" / "reference" / "metrics.md").read_text()

_NAME = re.compile(r"\b(?:qmfagent|process)_\w+")
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)
_TYPE = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)


@pytest.fixture
def promtool() -> None:
    """Prometheus' own tool."""
    requirements.require(["promtool"], root=False, packages="prometheus")


def promtool_says(*arguments: object) -> str:
    """What it prints, where it is content."""
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def panels() -> Iterator[dict[str, Any]]:
    """The panels of the dashboard that show something."""
    return (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def expressions() -> list[str]:
    """The queries of the dashboard, as Grafana would send them."""
    found = [target["expr"] for panel in panels() for target in panel["targets"]]
    values = {"$__rate_interval": "5m", "$site": ".*", "$ticket": ".*"}
    for name, value in values.items():
        found = [text.replace(name, value) for text in found]
    return found


async def exported(pair: SitePair) -> tuple[dict[str, str], set[str], dict[str, set[str]]]:
    """What a real agent exports: types of metrics, names of series, and labels of those that have some."""
    await pair.b.event("applied")
    found = await scrape(pair.b)
    types = dict(_TYPE.findall(found.text))
    series = {
        name + ending
        for name, kind in types.items()
        for ending in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))
    }
    assert found.names <= series
    labels: dict[str, set[str]] = {}
    for family in found.families.values():
        for sample in family.samples:
            name = re.sub(r"_(bucket|sum|count)$", "", sample.name)
            labels.setdefault(name, set()).update(sample.labels.keys() - {"site", "le"})
    return types, series, labels


async def test_alerts_and_dashboard_name_what_there_is(watched_pair: SitePair) -> None:
    _, series, _ = await exported(watched_pair)
    variables = [each["definition"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    for text in [*expressions(), *variables, *re.findall(r"expr:(?:.|\n)*?(?=\n +\w+:)", ALERTS.read_text())]:
        named = set(_NAME.findall(text))
        assert named
        assert named <= series, text


async def test_the_reference_lists_what_there_is(watched_pair: SitePair) -> None:
    types, _, labels = await exported(watched_pair)
    listed = {name: (kind, set(re.findall(r"\w+", words))) for name, kind, words in _ROW.findall(REFERENCE)}
    ours = {name: kind for name, kind in types.items() if name.startswith("qmfagent_")}
    assert {name: kind for name, (kind, _) in listed.items()} == ours
    for name, found in labels.items():
        if name in listed:
            assert listed[name][1] == found, name


@pytest.mark.usefixtures("promtool")
def test_the_alert_rules_are_rules() -> None:
    assert "SUCCESS" in promtool_says("check", "rules", ALERTS)


@pytest.mark.usefixtures("promtool")
def test_the_alert_rules_fire_when_they_should_and_else_not() -> None:
    promtool_says("test", "rules", *TESTS)
    names = set(re.findall(r"alert: (\w+)", ALERTS.read_text()))
    fired = re.findall(
        r"alertname: (\w+)\n +eval_time: \w+\n +exp_alerts:", "".join(each.read_text() for each in TESTS)
    )
    assert set(fired) == names


@pytest.mark.usefixtures("promtool")
def test_the_queries_of_the_dashboard_are_queries(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(expressions())]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool_says("check", "rules", path)


def test_the_dashboard_is_whole() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels())
    assert DASHBOARD["templating"]["list"][0]["type"] == "datasource"
    for one, other in combinations([panel["gridPos"] for panel in DASHBOARD["panels"]], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"], (one, other)
