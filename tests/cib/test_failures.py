"""Fail counts: every case as crm_mon has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmfagent.cib.failures import fail_counts
from qmfagent.cib.scores import INFINITY, score
from qmfagent.cib.snapshot import Snapshot
from tests.cib.monitor import crm_mon
from tests.cib.test_status import PLAIN, START, cib

Counts = dict[str, str]

MONITOR, STARTED = "fail-count-r#monitor_10000", "fail-count-r#start_0"
CLONE = f'<clone id="c">{PLAIN}</clone>'


def with_counts(first: Counts, second: Counts, resources: str = PLAIN) -> bytes:
    """A CIB with these transient attributes of its two nodes."""
    data = cib(START, START, resources).decode()
    for node, counts in ((1, first), (2, second)):
        pairs = "".join(
            f'<nvpair id="status-{node}-{number}" name="{name}" value="{value}"/>'
            for number, (name, value) in enumerate(counts.items())
        )
        attributes = f'<instance_attributes id="status-{node}">{pairs}</instance_attributes>'
        transient = f'<transient_attributes id="{node}">{attributes}</transient_attributes>'
        data = data.replace(f'<lrm id="{node}">', f'{transient}<lrm id="{node}">')
    return data.encode()


CASES = {
    "none": with_counts({}, {}),
    "one": with_counts({MONITOR: "2"}, {}),
    "of several operations, on two nodes": with_counts({MONITOR: "2", STARTED: "3"}, {MONITOR: "4"}),
    "one is INFINITY": with_counts({MONITOR: "2", STARTED: "INFINITY"}, {}),
    "all are INFINITY": with_counts({STARTED: "INFINITY"}, {STARTED: "+INFINITY"}),
    "more than INFINITY": with_counts({STARTED: "1000000000"}, {}),
    "less than none": with_counts({STARTED: "5", MONITOR: "-2"}, {}),
    "no number": with_counts({STARTED: "many", MONITOR: " 3 times"}, {STARTED: ""}),
    "other names": with_counts({"fail-count-r": "1", "fail-count-rr#start_0": "2", "fail-count-r#start": "4",
                                "last-failure-r#start_0": "8", "FAIL-COUNT-r#start_0": "16"}, {}),
    "instances of a clone": with_counts({"fail-count-r:0#start_0": "1", "fail-count-r:11#start_0": "2"}, {STARTED: "4"}, CLONE),
}  # fmt: skip


@pytest.mark.pacemaker
@pytest.mark.usefixtures("pacemaker_tools")
@pytest.mark.parametrize("data", CASES.values(), ids=CASES.keys())
def test_a_resource_has_failed_as_often_as_crm_mon_says(tmp_path: Path, data: bytes) -> None:
    histories = crm_mon(tmp_path, data, "--failcounts").iterfind("node_history/node/resource_history[@id='r']")
    shown = sum(int(history.get("fail-count", "0")) for history in histories)
    assert fail_counts(Snapshot.parse(data)).get("r", 0) == min(shown, INFINITY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("7", 7),
        ("+7", 7),
        ("-007", -7),
        ("1000001", INFINITY),
        ("-" + "9" * 5000, -INFINITY),
        ("0" * 5000 + "1", 1),
        ("INFINITY", INFINITY),
        ("-INFINITY", -INFINITY),
        ("\u0663", 0),
    ],
)
def test_a_score(text: str, expected: int) -> None:
    assert score(text) == expected
