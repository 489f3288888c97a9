"""Traces: one edit is one trace, through the holder and every other site; and who is told of it costs nothing else."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qmfagent.config import Config
from qmfagent.config.traces import TracesConfig
from qmfagent.errors import ConfigError, RemoteError
from qmfagent.replication.following.replica import IN_SYNC
from qmfagent.telemetry.traces import LIBRARIES, make_traces
from qmfagent.trace import Kind
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.buses import SITE_BUSES, SiteBus
from tests.sites.pair import WAIT, SitePair
from tests.telemetry.collector import Collector, Seen, collecting


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that is told everything, however busy the machine is while the agents stop."""
    monkeypatch.setattr("qmfagent.telemetry.tracing.STOP_SECONDS", WAIT)
    monkeypatch.setattr("qmfagent.telemetry.tracing.EXPORT_SECONDS", WAIT)
    with collecting() as collector:
        yield collector


def traced_pair(
    folder: Path,
    collector: Collector,
    mode: str = "automatic",
    sample: float = 1.0,
    bus: SiteBus | None = None,
) -> SitePair:
    """Sites whose agents tell a collector, not started yet."""
    sites = SitePair(folder, SOURCE, TARGET, mode, bus)
    for site in (sites.a, sites.b):
        site.config = replace(site.config, traces=TracesConfig(collector.url, sample))
    return sites


def edit_of(collector: Collector) -> Seen:
    """The change that an administrator made."""
    (edit,) = [span for span in collector.spans if span.values.get("qmfagent.client") == "administrator"]
    return edit


def tree(spans: list[Seen], below: str) -> list[object]:
    """What stands below a span, by site and name, in the order of their names: some are asked for at the same time."""
    children = sorted((span for span in spans if span.parent == below), key=lambda span: span.name)
    return [[f"{child.site} {child.name}", *tree(spans, child.id)] for child in children]


@pytest.mark.parametrize("site_bus", SITE_BUSES, indirect=True)
async def test_an_edit_is_one_trace_to_the_write_at_the_other_site(
    tmp_path: Path, collector: Collector, site_bus: SiteBus
) -> None:
    async with traced_pair(tmp_path, collector, bus=site_bus) as sites:
        await sites.b.event("applied", ticket="T")
        await sites.b.replica("T", "sitea", state=IN_SYNC)
        await sites.a.set_value("vip-ip", "10.1.0.77")
        applied = await sites.b.event("applied", ticket="T", version="0.11.0")
        await sites.b.replica("T", "sitea", state=IN_SYNC, published=applied.values["digest"])
    edit = edit_of(collector)
    spans = [span for span in collector.spans if span.start >= edit.start]
    assert {span.trace for span in spans} == {edit.trace} == {applied.values["trace"]}
    assert edit.parent == ""
    asked = ["siteb plan", ["sitea Site.claim"], ["sitea Site.publication"]]
    done = ["siteb apply", ["sitea Site.claim"], ["siteb write"]]
    assert tree(spans, edit.id) == [["sitea publish", ["siteb follow", done, asked]]]
    values = {span.name: span.values for span in spans}
    assert values["change"]["qmfagent.version"] == "0.7.0"
    assert values["publish"] == {"qmfagent.tickets": ["T"]}
    assert values["follow"] == {"qmfagent.ticket": "T", "qmfagent.remote": "sitea"}
    assert values["plan"]["qmfagent.changes"] == 1
    assert values["apply"]["qmfagent.change"] == applied.values["seq"]
    assert values["Site.publication"] == {"qmfagent.ticket": "T"}
    assert not any(span.failed for span in spans)
    assert "10.1.0" not in repr(spans)


async def test_a_call_is_a_span_of_its_callers_trace_and_a_refusal_marks_it(
    tmp_path: Path, collector: Collector
) -> None:
    async with traced_pair(tmp_path, collector, "manual") as sites:
        await sites.b.call("Site:siteb", "plan", ticket="T")
        with pytest.raises(RemoteError):
            await sites.a.call("Site:sitea", "plan", ticket="T")
    calls = {span.site: span for span in collector.spans if span.name == "Site.plan"}
    assert calls["siteb"].failed == ""
    assert calls["sitea"].failed == "holder"
    planned = [span for span in collector.spans if span.parent == calls["sitea"].id]
    assert [(span.name, span.failed, span.values["error.type"]) for span in planned] == [("plan", "holder", "holder")]


async def test_sites_of_which_one_does_not_tell_stay_in_one_trace(tmp_path: Path, collector: Collector) -> None:
    sites = traced_pair(tmp_path, collector)
    sites.b.config = replace(sites.b.config, traces=None)
    async with sites:
        await sites.b.event("applied", ticket="T")
        await sites.a.set_value("vip-ip", "10.1.0.77")
        await sites.b.event("applied", ticket="T", version="0.11.0")
    edit = edit_of(collector)
    told = [span for span in collector.spans if span.trace == edit.trace]
    calls = ["sitea Site.claim"], ["sitea Site.claim"], ["sitea Site.publication"]
    assert tree(told, edit.id) == [["sitea publish", *calls]]


async def test_a_share_of_none_is_none_whatever_the_caller_says(tmp_path: Path, collector: Collector) -> None:
    async with traced_pair(tmp_path, collector, sample=0.0) as sites:
        await sites.b.event("applied", ticket="T")
    assert collector.spans == []


async def test_trouble_with_the_collector_is_logged_once_and_so_is_its_end(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "qmfagent")
    traces = make_traces(TracesConfig(collector.url), "paris")
    assert traces is not None
    tracer = traces.start()
    provider = traces._provider  # type: ignore[attr-defined]
    for status, requests in ((400, 1), (400, 2), (200, 3), (400, 4)):
        collector.status = status
        tracer.start("work", "", Kind.INTERNAL).end()
        provider.force_flush()
        assert collector.requests == requests
    tracer.start("work", "", Kind.INTERNAL).end()
    await traces.stop()
    lost = f"traces are not taken at {collector.url}/v1/traces, and lost until they are"
    assert [record.getMessage() for record in caplog.records] == [
        lost,
        f"traces are taken at {collector.url}/v1/traces again",
        lost,
    ]


async def test_a_collector_that_is_away_holds_no_agent_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # So long it would be tried, if nobody gave up before.
    monkeypatch.setattr("qmfagent.telemetry.tracing.EXPORT_SECONDS", WAIT)
    with collecting() as collector:
        sites = traced_pair(tmp_path, collector)
    sites.a.config = replace(sites.a.config, traces=None)
    async with sites:
        await sites.b.event("applied", ticket="T")
        begin = time.monotonic()
        await sites.b.stop()
        assert time.monotonic() - begin < 20


def test_an_agent_without_traces_imports_nothing_of_it(tmp_path: Path) -> None:
    code = (
        "import json, sys, qmfagent.__main__; from qmfagent.telemetry.traces import make_traces; make_traces(None, 'a');"
        "print(json.dumps([name for name in sys.modules if name.startswith(('opentelemetry', 'requests', 'google'))]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    for name in [name for name in sys.modules if name.startswith((library, "qmfagent.telemetry.tracing"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=r"qmfagent\[telemetry\]"):
        make_traces(Config(traces=TracesConfig()).traces, "paris")


def test_a_ca_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for name in ("empty.pem", "missing.pem"):
        traces = make_traces(TracesConfig("https://127.0.0.1:1", ca=tmp_path / name), "paris")
        assert traces is not None
        with pytest.raises(ConfigError, match=name):
            traces.start()
