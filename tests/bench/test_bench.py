"""What the bench says of its figures; the figures themselves are measured by `make bench`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench.result import Result, alternating

GOOD = Result("good", 1.0, 4.0, "ms", 0.5)
MISSED = Result("missed", 4.0, 1.0, "ms", 0.5)
FAST, SLOW = (Result("fast", rate, 10.0, "1/s", 0.6, at_least=True) for rate in (6.0, 5.9))
TOLD = Result("told", 2.0, 1.0, "1/s")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["bench", *arguments])
    return bench.main()


def test_figures_are_told_and_not_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(bench, "BENCHES", {"one": lambda: [GOOD, MISSED], "two": lambda: [TOLD]})
    assert run(monkeypatch, "--json", str(tmp_path / "bench.json")) == 0
    found = json.loads((tmp_path / "bench.json").read_text())
    assert [(each["name"], each["ratio"], each["met"]) for each in found] == [
        ("good", 0.25, True),
        ("missed", 4.0, False),
        ("told", 2.0, None),
    ]
    assert found[0]["machine"].keys() == {"cpus", "python"}
    assert {"good", "missed", "told"} <= set(capsys.readouterr().out.split())


def test_a_ratio_may_have_to_be_small_or_large() -> None:
    assert [each.met for each in (GOOD, MISSED, FAST, SLOW, TOLD)] == [True, False, True, False, None]


def test_a_figure_that_cannot_be_measured_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> list[Result]:
        raise AssertionError("no cluster")

    monkeypatch.setattr(bench, "BENCHES", {"one": broken, "two": lambda: [TOLD]})
    assert run(monkeypatch) == 1
    told = capsys.readouterr()
    assert "no cluster" in told.err
    assert "told" in told.out
    assert run(monkeypatch, "--only", "two") == 0


def test_the_two_sides_take_turns() -> None:
    turns: list[str] = []

    def slow() -> None:
        turns.append("ours")
        time.sleep(0.002)

    ours, theirs = alternating(3, slow, lambda: turns.append("theirs"))
    assert turns == ["ours", "theirs"] * 3
    assert ours > theirs
