"""Speed and memory as ratios, measured side by side in one run.

    python -m tests.bench [--json FILE] [--only NAME]

Rules of this file: figures are told, never judged: a missed target is no failure, a figure that can't be measured is one.
Absolute values mean nothing beyond one run on one machine; see docs/topics/performance.md.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import sys
import traceback
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import closures, echo, fanout, idle, live, memory, messages, plans, replication
from tests.bench.result import Result

# The closures come first: what the others leave in this process's memory would be measured with them.
BENCHES = {
    "closures": closures.run,
    "plans": plans.run,
    "replication": replication.run,
    "live": live.run,
    "idle": idle.run,
    "memory": memory.run,
    "messages": messages.run,
    "fanout": fanout.run,
    "echo": echo.run,
}


def table(results: list[Result]) -> Table:
    """The figures, for people."""
    found = Table("figure", title="ours / theirs")
    for column in ("ours", "theirs", "ratio", "target", "met"):
        found.add_column(column, justify="right", no_wrap=True)
    for each in results:
        values = (f"{each.ours:,.2f} {each.unit}", f"{each.theirs:,.2f} {each.unit}", f"{each.ratio:.2f}")
        target = "" if each.target is None else f"{'at least' if each.at_least else 'at most'} {each.target:g}"
        met = {True: "yes", False: "[red]no[/]", None: ""}[each.met]
        found.add_row(each.name, *values, target, met)
    return found


def main() -> int:
    """The entry point; the exit status, 1 where a figure could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--only", choices=BENCHES, help="measure only these")
    arguments = parser.parse_args()
    results: list[Result] = []
    broken = 0
    for name in [arguments.only] if arguments.only else BENCHES:
        try:
            results += BENCHES[name]()
        except Exception:
            broken = 1
            print(f"{name} could not be measured:", file=sys.stderr)
            traceback.print_exc()
    (Console() if sys.stdout.isatty() else Console(width=130)).print(table(results))
    if arguments.json:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version()}
        arguments.json.write_text(
            json.dumps([each.to_map() | {"machine": machine} for each in results], indent=2) + "\n"
        )
    return broken


if __name__ == "__main__":
    logging.getLogger("qmfagent").setLevel(logging.ERROR)  # an agent that is not up yet is no news here
    sys.exit(main())
