"""One figure of the bench: a ratio measured in one run, and its target."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """`ours` and `theirs` are medians in `unit`; `ratio` is what the target bounds from above."""

    name: str
    ours: float
    theirs: float
    unit: str
    target: float

    @property
    def ratio(self) -> float:
        """Ours by theirs."""
        return self.ours / self.theirs

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.ratio <= self.target


def alternating(rounds: int, ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Median times in ms of two functions run in turn, so that the machine's drift meets both.

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
    return statistics.median(samples[0]), statistics.median(samples[1])
