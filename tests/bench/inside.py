"""What the live figures time, run inside a site of the lab, where the agent and cibadmin are equally near.

    python -m tests.bench.inside query SITE URL CERTIFICATE KEY CA
    python -m tests.bench.inside edit SITE URL CERTIFICATE KEY CA
    python -m tests.bench.inside bare

Rules of this file: one request a line on standard input, one JSON answer a line on standard output, times in ms. What is
timed begins and ends in this process; starting it costs neither side anything.

- query: ours is Site.query over AMQP, theirs `cibadmin -Q`.
- edit: `cibadmin --patch` here, to the `applied` event of the other site SITE; the line is the patchset.
- bare: `cibadmin -Q` and `cibadmin --patch` here; the line is the patchset.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from consoles.client import Console, Event
from qmfagent.bus.security.tls import TlsConfig

_WAIT = 20.0
_QUERIES = 10


def milliseconds(function: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1000


def cibadmin(*arguments: str) -> None:
    """Run cibadmin and take what it prints."""
    subprocess.run(["cibadmin", *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def query(console: Console, site: str) -> dict[str, float]:
    """The median of some queries of the configuration each way, one after the other."""

    def median(function: Callable[[], object]) -> float:
        return statistics.median(milliseconds(function) for _ in range(_QUERIES))

    return {
        "ours": median(lambda: console.call(site, f"Site:{site}", "query")),
        "theirs": median(lambda: cibadmin("-Q")),
    }


def edit(events: Any, patchset: str) -> dict[str, float]:
    """From before the edit here to what the other site tells: its CIB has changed, and the publication is applied."""
    start = time.perf_counter()
    times: dict[str, float] = {}
    with subprocess.Popen(["cibadmin", "--patch", f"--xml-text={patchset}"], stdin=subprocess.DEVNULL) as command:
        while "applied" not in times:
            event = events.next(_WAIT)
            assert isinstance(event, Event), event
            assert event.name != "apply_failed", event
            if event.values.get("client", "qmfagent") == "qmfagent":  # others' changes may still be told of
                times[event.name] = (time.perf_counter() - start) * 1000
    assert command.returncode == 0
    return times


def bare(patchset: str) -> dict[str, float]:
    """The same change without us."""

    def both() -> None:
        cibadmin("-Q")
        cibadmin("--patch", f"--xml-text={patchset}")

    return {"theirs": milliseconds(both)}


def serve(answer: Callable[[str], dict[str, float]]) -> None:
    """Answer until standard input ends."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(line.strip())), flush=True)


def main() -> None:
    """The entry point."""
    what, *arguments = sys.argv[1:]
    if what == "bare":
        serve(bare)
        return
    site, url, *files = arguments
    with Console([url], TlsConfig(*map(Path, files), peer_name=site)) as console:
        if what == "query":
            serve(lambda line: query(console, site))
        else:
            with console.subscribe(["config_changed", "applied", "apply_failed"], [site]) as events:
                serve(lambda line: edit(events, line))


if __name__ == "__main__":
    main()
