"""What an agent keeps in memory, on a CIB file, where a cluster costs nothing.

Rules of this file: memory is what the kernel says is resident (proc(5), VmRSS). The agent holds the ticket, so that it has
published all resources and recorded them in its file; lxml holds the document as it was before that. A change is a whole
file that a rename puts in place, as editors and Pacemaker do it, and is seen in an event before the next is made.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consoles.client import Console, Event, Events
from qmfagent.cib.ownership import tag_id
from tests.bench.cibs import cib
from tests.bench.file_agent import SITE, WAIT, FileAgent, file_agent, wait
from tests.bench.result import Result

_STATUS = '<status><tickets><ticket_state id="T" granted="true" last-granted="1700000000"/></tickets></status>'
_VALUE = re.compile(rb'(id="r600-state" name="state" value=)"[^"]*"')
_EPOCH = re.compile(rb' epoch="\d+"')
_HOLD = (
    "import sys\nfrom lxml import etree\nheld = etree.parse(sys.argv[1])\nprint('held', flush=True)\nsys.stdin.read()"
)


def run() -> list[Result]:
    """The size with 10,000 resources against lxml's, and the growth from 100 to 1,000 changes with 1,000 resources."""
    theirs = _held_by_lxml(10_000)
    with _agent(10_000) as large:
        loaded = large.megabytes
        for _ in range(20):
            large.change()
        changed = large.megabytes
    with _agent(1_000) as small:
        after = {}
        for count in range(1, 1_001):
            small.change()
            after[count] = small.megabytes
    return [
        Result("RSS of an agent of 10,000 resources / lxml", loaded, theirs, "MB", 6),
        Result("the same after 20 changes / lxml", changed, theirs, "MB", 6),
        Result(
            "RSS of an agent of 1,000 resources after 1,000 changes / after 100", after[1_000], after[100], "MB", 1.1
        ),
    ]


class _Agent:
    """An agent's process, the CIB file that it watches, and its events."""

    def __init__(self, agent: FileAgent, events: Events) -> None:
        self._agent = agent
        self._events = events
        self._epoch = 1_000

    @property
    def megabytes(self) -> float:
        """What it keeps in memory now."""
        return _resident(self._agent.process.pid)

    def change(self) -> None:
        """Change one value, and wait until the agent has told of it."""
        file = self._agent.file
        self._epoch += 1
        data, found = _VALUE.subn(rb'\1"/run/%d"' % self._epoch, file.read_bytes())
        assert found == 1
        written = file.with_suffix(".new")
        written.write_bytes(_EPOCH.sub(b' epoch="%d"' % self._epoch, data, count=1))
        written.rename(file)
        while True:
            event = self._events.next(WAIT)
            if isinstance(event, Event) and event.values["version"].split(".")[1] == str(self._epoch):
                return


@contextmanager
def _agent(resources: int) -> Iterator[_Agent]:
    """An agent that has loaded, published and recorded a CIB of so many resources."""
    with (
        file_agent(cib(resources, status=_STATUS)) as agent,
        Console([agent.url], timeout=WAIT) as console,
        console.subscribe(["config_changed"]) as events,
    ):
        recorded = f"configuration/tags/tag[@id='{tag_id('T')}']"
        wait(lambda: console.call(SITE, f"Site:{SITE}", "query", path=recorded)["xml"])
        yield _Agent(agent, events)


def _held_by_lxml(resources: int) -> float:
    """What a process keeps that has parsed the same CIB and does nothing else, in MB."""
    with tempfile.NamedTemporaryFile(prefix="qmfagent-bench-") as file:
        file.write(cib(resources, status=_STATUS))
        file.flush()
        command = [sys.executable, "-c", _HOLD, file.name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            megabytes = _resident(process.pid)
            process.communicate()
    return megabytes


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (kilobytes,) = re.findall(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) / 1024
