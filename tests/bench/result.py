"""One figure of the bench: a ratio measured in one run, and its target."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """`ours` and `theirs` are in `unit`; `target` bounds their ratio from above, or from below where it is to be `at_least`
    that; None where the ratio is only told."""

    name: str
    ours: float
    theirs: float
    unit: str
    target: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float:
        """Ours by theirs."""
        return self.ours / self.theirs

    @property
    def met(self) -> bool | None:
        """Whether the target is met, None where there is none."""
        if self.target is None:
            return None
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target

    def to_map(self) -> dict[str, Any]:
        """The figure as it stands in the JSON file."""
        return {
            "name": self.name,
            "ours": round(self.ours, 3),
            "theirs": round(self.theirs, 3),
            "ratio": round(self.ratio, 3),
            "unit": self.unit,
            "target": self.target,
            "at_least": self.at_least,
            "met": self.met,
        }


def alternating(rounds: int, ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Shortest times in ms of two functions run in turn, so that the machine's drift meets both, and its other work neither.

    Releasing what they return is not timed: a program does that when it pleases.
    """
    samples: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for function, times in zip((ours, theirs), samples, strict=True):
            start = time.perf_counter()
            made = function()
            times.append((time.perf_counter() - start) * 1000)
            del made
            # The C library puts off part of the releasing until the next large allocation, which may be the other's.
            bytearray(1 << 22)
    return min(samples[0]), min(samples[1])
