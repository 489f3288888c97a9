"""`qmfagent check` against real agents."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.sites.pair import SitePair
from tests.telemetry.checking import check


def urls(pair: SitePair) -> list[str]:
    """Where to ask both sites."""
    return [f"--url={site.bus.url(site.name)}" for site in (pair.a, pair.b)]


async def test_a_pair_in_step(watched_pair: SitePair, capsys: pytest.CaptureFixture[str]) -> None:
    await watched_pair.b.event("applied")
    await watched_pair.a.replica("T", "siteb", state="in-sync")
    status, line = await check(capsys, *urls(watched_pair), "--verify-journal")
    assert (status, line.partition(" | ")[0]) == (0, "QMFAGENT OK - 2 sites, 1 ticket; T at sitea")


async def test_a_site_that_waits(manual_watched_pair: SitePair, capsys: pytest.CaptureFixture[str]) -> None:
    pair = manual_watched_pair
    await pair.a.replica("T", "siteb", state="behind", hold="manual")
    both = urls(pair)
    assert (await check(capsys, *both))[0] == 0
    status, line = await check(capsys, *both, "-w", "0")
    assert status == 1
    assert re.search(r"T at siteb: 1 publication behind for \d+ s \(manual\)", line)
    assert (await check(capsys, *both, "-w0", "-c0"))[0] == 2
    # The receiving site alone can't tell for how long; the holder alone can.
    assert (await check(capsys, both[1]))[0] == 1
    assert (await check(capsys, both[0]))[0] == 0
    assert (await check(capsys, *both, "-c0", "--site", "sitea"))[0] == 0
    assert (await check(capsys, *both, "-c0", "--ticket", "T"))[0] == 2
    status, line = await check(capsys, *both, "--ticket", "none", "--site", "sitec")
    assert status == 2
    assert "none: no site knows this ticket" in line
    assert "sitec: its agent can't be reached" in line


async def test_drift(watched_pair: SitePair, capsys: pytest.CaptureFixture[str]) -> None:
    pair = watched_pair
    await pair.b.event("applied")
    await pair.b.set_value("vip-ip", "10.9.9.9")
    await pair.b.replica("T", "sitea", drift=1)
    both = urls(pair)
    status, line = await check(capsys, *both)
    assert (status, "T at siteb: drifted (1 field)" in line) == (1, True)
    assert (await check(capsys, *both, "--drift-warning=1"))[0] == 0
    assert (await check(capsys, *both, "--drift-critical=0"))[0] == 2


async def test_a_site_that_is_gone(watched_pair: SitePair, capsys: pytest.CaptureFixture[str]) -> None:
    pair = watched_pair
    await pair.b.event("applied")
    both = urls(pair)
    await pair.b.stop()
    await pair.a.replica("T", "siteb", state="unreachable")
    status, line = await check(capsys, *both)
    assert status == 2
    assert "sitea: siteb can't be reached" in line
    await pair.a.stop()
    status, line = await check(capsys, *both)
    assert (status, line.startswith("QMFAGENT CRITICAL - ")) == (2, True)
    await pair.a.start()
    await pair.b.start()


@pytest.mark.parametrize(
    "arguments", [["--no-such-option"], ["-w", "much"], ["--ca", "ca.pem"], ["--url", "http://127.0.0.1:1"]]
)
async def test_wrong_usage_is_unknown(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, line = await check(capsys, *arguments)
    assert (status, line.startswith("QMFAGENT UNKNOWN - ")) == (3, True)


def test_the_daemon_carries_no_console_and_no_metrics() -> None:
    script = (
        "import sys, qmfagent.__main__; print([m for m in sys.modules if m.startswith(('consoles', 'prometheus'))])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "[]\n"
