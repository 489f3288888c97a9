"""One target under atheris, in a process of its own: libFuzzer ends it as it sees fit.

python -m tests.fuzz.atheris_target NAME CORPUS [libFuzzer's options]
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["qmfagent"]):
    from tests.fuzz.entries import ENTRIES


def main() -> None:
    """Fuzz until time is up or something is found."""
    name = sys.argv.pop(1)
    with ENTRIES[name].open() as take:
        atheris.Setup(sys.argv, take)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
