"""What is counted and timed, because no state of the agent tells it: events, what came of writes, how long they took.

Rules of this file: metrics are added to from the event loop and read in other threads; the library sees to that. Where a label
could have any value, it is one of a list.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, disable_created_metrics

from qmfagent import __version__
from qmfagent.replication.applying.intent import APPLY_FAILED, OUTCOMES
from qmfagent.replication.applying.plans import HEALING, PUBLICATION, ROLLBACK
from qmfagent.replication.ports import APPLY, PLAN
from qmfagent.replication.reasons import REASONS

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds in seconds: a plan takes some milliseconds, or several seconds where there are 10,000 resources."""
ELSEWHERE = "remote"
"""The reason of a failure whose name comes from another site's agent, and is none of ours."""


class Meters:
    """The counters and timers of the agent of one site."""

    def __init__(self, site: str) -> None:
        # A second series for each, which tells no more than process_start_time_seconds.
        disable_created_metrics()
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        build = Info("qmfagent_build", "The agent that runs here", ["site"], registry=self.registry)
        build.labels(site).info({"version": __version__})
        self._site = site
        self._events = Counter(
            "qmfagent_events_total", "Events raised since the agent started", ["site", "event"], registry=self.registry
        )
        self._outcomes = Counter(
            "qmfagent_applies_total", "What came of plans to be applied", ["site", "result"], registry=self.registry
        )
        self._failures = Counter(
            "qmfagent_apply_failures_total",
            "Plans not applied, by the reason",
            ["site", "reason"],
            registry=self.registry,
        )
        self._seconds = {
            operation: Histogram(
                f"qmfagent_{operation}_seconds", text, ["site", "cause"], buckets=BUCKETS, registry=self.registry
            )
            for operation, text in (
                (PLAN, "Time to make a plan, with all checks"),
                (APPLY, "Time to write a plan, with all that is asked before"),
            )
        }
        # Known from the start, so that the first one of each is a rise.
        for name in OUTCOMES:
            self._outcomes.labels(site, name)
        for cause in (PUBLICATION, ROLLBACK, HEALING):
            for histogram in self._seconds.values():
                histogram.labels(site, cause)

    def event(self, name: str, values: Mapping[str, Any]) -> None:
        """Count an event."""
        self._events.labels(self._site, name).inc()
        if name in OUTCOMES:
            self._outcomes.labels(self._site, name).inc()
        if name == APPLY_FAILED:
            reason = str(values["reason"])
            self._failures.labels(self._site, reason if reason in REASONS else ELSEWHERE).inc()

    @contextmanager
    def measure(self, operation: str, cause: str) -> Iterator[None]:
        """Take the time of what is done inside, unless it fails: a refusal is quick, and would make the rest look so."""
        begin = time.perf_counter()
        yield
        self._seconds[operation].labels(self._site, cause).observe(time.perf_counter() - begin)
