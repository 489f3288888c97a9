"""What a session is busy with: plans that it was shown, and what takes a while.

Rules of this file: only what was shown can be applied. What was started once is not started again by the same key while it is
under way; whoever asks again is shown what becomes of it. What writes is finished when its session ends, so that no site is
left half way; anything else is given up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from consoles.everywhere import SitePlan
from qmfagent.errors import QmfAgentError

ALL = "all"
"""What stands for every site that receives."""
MOST_PROPOSALS = 8
"""Each may be some 50 MiB, for 10,000 resources."""
MOST_TASKS = 64
FINISH = 20.0
"""Seconds that what writes gets when its session ends."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a plan is for, and so how it is made again: `kind` is replicate, rollback or heal; `site` may be ALL; `change` is
    what a rollback undoes, `adopt` whether local elements are taken over."""

    kind: str
    ticket: str
    site: str
    change: int = 0
    adopt: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """Plans that were shown together, and are applied together. `token` names them; `seen` is the number of the newest event
    of each site before they were made."""

    token: str
    purpose: Purpose
    plans: tuple[SitePlan, ...]
    seen: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Told:
    """A step of something: when (nanoseconds since the epoch), at which site, and what, in a tone of the badges."""

    time: int
    site: str
    tone: str
    text: str


class Task:
    """Something that takes a while: what it has told, and how it ended. `outcome` is up to who started it; `error` is what
    it failed with. `writing` is whether it must not be given up."""

    def __init__(self, *, writing: bool = False) -> None:
        self.told: list[Told] = []
        self.outcome: Any = None
        self.error: QmfAgentError | None = None
        self.writing = writing
        self.over = False
        self.number = 0
        self._renewed = asyncio.Event()

    def tell(self, site: str, tone: str, text: str, at: int = 0) -> None:
        """Tell a step, of now where no time is given."""
        self.told.append(Told(at or time.time_ns(), site, tone, text))
        self.renew()

    def renew(self) -> None:
        """Tell who follows it that there is something new."""
        self.number += 1
        self._renewed.set()
        self._renewed = asyncio.Event()

    async def after(self, number: int) -> None:
        """Wait until there is more than at that number."""
        while self.number <= number:
            await self._renewed.wait()


class Work:
    """The proposals and tasks of one session, the oldest of which go when there are many."""

    def __init__(self) -> None:
        self._proposals: OrderedDict[str, Proposal] = OrderedDict()
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._running: dict[asyncio.Task[None], Task] = {}

    def propose(self, proposal: Proposal) -> None:
        """Keep what was shown. What became of the same plan earlier is forgotten: this is another attempt."""
        self._proposals[proposal.token] = proposal
        self._proposals.move_to_end(proposal.token)
        while len(self._proposals) > MOST_PROPOSALS:
            self._proposals.popitem(last=False)
        known = self._tasks.get(proposal.token)
        if known is not None and known.over:
            del self._tasks[proposal.token]

    def proposal(self, token: str) -> Proposal | None:
        """What was shown under that token, if it was."""
        return self._proposals.get(token)

    def task(self, key: str) -> Task | None:
        """What was started by that key, if it was."""
        return self._tasks.get(key)

    def start(self, key: str, job: Callable[[Task], Awaitable[None]], *, writing: bool = False) -> Task:
        """Start something, unless it is under way by that key."""
        known = self._tasks.get(key)
        if known is not None and not known.over:
            return known
        task = self._tasks[key] = Task(writing=writing)
        self._tasks.move_to_end(key)
        for old in [each for each, found in self._tasks.items() if found.over][: max(0, len(self._tasks) - MOST_TASKS)]:
            del self._tasks[old]
        running = asyncio.get_running_loop().create_task(_run(task, job))
        self._running[running] = task
        running.add_done_callback(self._running.pop)
        return task

    async def stop(self) -> None:
        """Finish what writes, within FINISH, and give up everything else."""
        writing = [running for running, task in self._running.items() if task.writing]
        for running in self._running.keys() - set(writing):
            running.cancel()
        if writing:
            _, late = await asyncio.wait(writing, timeout=FINISH)
            for running in late:
                running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


async def _run(task: Task, job: Callable[[Task], Awaitable[None]]) -> None:
    try:
        await job(task)
    except QmfAgentError as error:
        task.error = error
    except Exception:
        log.exception("a task has failed")
        task.error = QmfAgentError("this has failed", hint="the log of the web console says why")
    finally:
        task.writing = False
        task.over = True
        task.renew()
