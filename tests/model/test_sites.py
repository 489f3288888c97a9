"""Whatever happens at two or three sites, and in whatever order: the laws of replication hold.

QMFAGENT_MODEL_EXAMPLES=5000 plays so many courses of events instead, other ones every time.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Sites
from tests.safety.rules import RULES

EXAMPLES = int(os.environ.get("QMFAGENT_MODEL_EXAMPLES", "0"))

SETTINGS = settings(
    max_examples=EXAMPLES or 400,
    stateful_step_count=40,
    deadline=None,
    derandomize=not EXAMPLES,
    database=None,
    suppress_health_check=list(HealthCheck),
)
# The hunt ends with the first break, so that many courses cost time only where few of them break a law.
HUNTING = settings(SETTINGS, max_examples=1500, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)

SEEN = (
    "applied by automatic",
    "applied by person",
    "applied by recovery",
    "applied by token",
    "blocked: stale",
    "converged",
    "drift",
    "drift_healed by automatic",
    "edited in between",
    "held alone",
    "held: manual",
    "killed",
    "refused: interrupted",
    "refused: stale",
    "replayed",
    "rolled_back by person",
    "split",
    "told anew",
)

# Those that are found out soon; the others take rarer courses of events, and have their scenarios in tests/safety.
HUNTED = (
    "a holder never applies",
    "two claims stop everybody",
    "claims are asked for before each write",
    "nothing older",
    "what was held alone is the newest",
    "own applies are not published",
    "one write",
    "only what is owned is touched",
    "settled at the next start",
    "on the planned configuration alone",
)


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """What is refused is logged, thousands of times."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_the_laws_hold() -> None:
    """And what they are about has happened."""
    seen: Counter[str] = Counter()
    run_state_machine_as_test(lambda: Sites(seen), settings=SETTINGS)
    assert {name: seen[name] for name in SEEN if not seen[name]} == {}


@pytest.mark.parametrize("name", HUNTED, ids=lambda name: name.replace(" ", "-"))
def test_the_laws_are_broken_without_a_rule(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So whoever breaks one is found out."""
    (rule,) = [rule for rule in RULES if rule.name == name]
    rule.remove(monkeypatch)
    with pytest.raises(Exception):  # noqa: B017, PT011
        run_state_machine_as_test(lambda: Sites(Counter()), settings=HUNTING)
