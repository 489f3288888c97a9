"""Figures of two real clusters with an agent in each, as the tests of the lab have them, TLS included."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.bench.result import Result
from tests.lab.agent_pair import AgentPair
from tests.lab.agents import AgentSite
from tests.lab.configurations import SITE_FILES, TICKET, database, local
from tests.lab.lab import Lab

TURNS = 20
EDITS = 40

# The like of what is edited at A, at B alone: an edit of what was delivered would be drift.
_LOCAL_WHERE = (
    '<constraints><rsc_location id="local-where" rsc="local-siteb"><rule id="local-where-rule" score="100">'
    '<expression id="local-where-site" attribute="#site-name" operation="defined"/></rule></rsc_location></constraints>'
)


def run() -> list[Result]:
    """Query through the agent, and edit at A to applied at B."""
    with (
        Lab(["sitea", "siteb"]) as lab,
        tempfile.TemporaryDirectory(prefix="qmfagent-bench-") as folder,
        AgentPair(lab, Path(folder), SITE_FILES) as pair,
    ):
        pair.given(local("sitea"), local("siteb") + _LOCAL_WHERE)
        pair.a.modify(database())
        pair.a.grant(TICKET)
        pair.wait_converged(TICKET, pair.a, pair.b)
        return [_queries(pair), *_edits(pair)]


def _queries(pair: AgentPair) -> Result:
    _settle(pair)
    with _inside(pair, pair.a, "query", pair.a) as ask:
        samples = [ask("") for _ in range(TURNS)]
    return Result("query of the configuration / exec of cibadmin -Q", *_medians(samples, "ours", "theirs"), "ms", 0.15)


def _edits(pair: AgentPair) -> list[Result]:
    """In turns, and each from rest: what a cluster does after a change belongs to neither."""
    samples = []
    with ExitStack() as stack:
        edit = stack.enter_context(_inside(pair, pair.a, "edit", pair.b))
        bare = stack.enter_context(_inside(pair, pair.b, "bare"))
        for number in range(EDITS):
            _settle(pair)
            timed = edit(_patchset("db-where", 1000 + number))
            _settle(pair)
            samples.append(timed | bare(_patchset("local-where", 2000 + number)))
    against = "cibadmin -Q and --patch at B"
    return [
        Result(f"edit at A to applied at B / {against}", *_medians(samples, "applied", "theirs"), "ms", 2),
        Result(f"edit at A to B's CIB has it / {against}", *_medians(samples, "config_changed", "theirs"), "ms"),
    ]


def _patchset(location: str, score: int) -> str:
    """One value of a location constraint changed; without a version, so that it fits at any."""
    return (
        '<diff format="2"><change operation="modify" path="/cib/configuration/constraints'
        f"/rsc_location[@id='{location}']/rule[@id='{location}-rule']\"><change-list>"
        f'<change-attr name="score" operation="set" value="{score}"/></change-list><change-result>'
        f'<rule id="{location}-rule" score="{score}"/></change-result></change></diff>'
    )


def _settle(pair: AgentPair) -> None:
    for site in (pair.a, pair.b):
        pair.lab.wait_idle(site.name)


def _medians(samples: list[dict[str, float]], *names: str) -> list[float]:
    return [statistics.median(sample[name] for sample in samples) for name in names]


@contextmanager
def _inside(pair: AgentPair, where: AgentSite, what: str, of: AgentSite | None = None) -> Iterator[Any]:
    """A function that has `tests.bench.inside` at site `where` answer a line."""
    arguments = []
    if of is not None:
        tls = of.console_tls
        arguments = [of.name, of.url, str(tls.certificate), str(tls.key), str(tls.ca)]
    with pair.lab.popen(
        where.name,
        [sys.executable, "-m", "tests.bench.inside", what, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def answer() -> Any:
            line = process.stdout.readline()
            assert line, f"the bench inside {where.name} has ended"
            return json.loads(line)

        def ask(line: str) -> Any:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            return answer()

        assert answer() == "ready"
        try:
            yield ask
        finally:
            process.stdin.close()
