"""Fuzz the agent with atheris, starting from what real peers say.

    python -m tests.fuzz [TARGET...] [--seconds 60]

Rules of this file: a target has a process and a temporary directory of its own. The directory of one that has found
something is kept, and named; the exit status is then 1.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.entries import ENTRIES

LONGEST_INPUT, MOST_MEMORY, SLOWEST = 64 * 1024, 2048, 10
"""Of one input: its bytes; MiB of the process and seconds, above which it counts as found."""


def fuzz(name: str, seconds: int) -> bool:
    """Fuzz one target; whether nothing was found."""
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    corpus, found = folder / "corpus", folder / "found"
    corpus.mkdir()
    found.mkdir()
    for number, seed in enumerate(ENTRIES[name].seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = {
        "max_total_time": seconds,
        "max_len": LONGEST_INPUT,
        "rss_limit_mb": MOST_MEMORY,
        "timeout": SLOWEST,
        "artifact_prefix": f"{found}/",
    }
    command = [sys.executable, "-m", "tests.fuzz.atheris_target", name, str(corpus)]
    ended = subprocess.run([*command, *(f"-{key}={value}" for key, value in options.items())], check=False)
    if ended.returncode:
        print(f"{name}: found something, see {found} (exit status {ended.returncode})", file=sys.stderr)
        return False
    shutil.rmtree(folder)
    return True


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the agent.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(ENTRIES)}; all by default")
    parser.add_argument("--seconds", type=int, default=60, help="how long to fuzz each (default: %(default)s)")
    given = parser.parse_args()
    for name in given.targets:
        if name not in ENTRIES:
            parser.error(f"there is no target {name!r}")
    clean = [fuzz(name, given.seconds) for name in given.targets or ENTRIES]
    sys.exit(0 if all(clean) else 1)


if __name__ == "__main__":
    main()
