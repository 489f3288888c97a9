"""What one reader has had of one site's events, and what it lacks: nothing lost, nothing twice, nothing out of order.

Rules of this file: pure. Each site's events are numbered in its journal. What comes live is taken where it is the next one;
where it is not, there is a hole, and the site is asked for what comes after the last. Meanwhile a bounded number of what comes
live waits; what has no room is asked for again. Where the site can't give what is missing, the reader is told so in its place,
and goes on after it. There is one question at a time; where it had no answer, it is asked again when the site is next heard of.
Who has not said where to begin begins with what comes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from consoles.values import Event, Position

MAX_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Ask:
    """The site is to be asked for its events after number `since`."""

    since: int


@dataclass(frozen=True, slots=True)
class AskRange:
    """The site is to be asked which events it has."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Events are missing here: `count` of them, None where nobody can know. What follows are those after number `resume`, None
    where that is not known either."""

    count: int | None
    reason: str
    resume: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some events of a journal in their order, the number of its newest, and whether there are more than these."""

    journal: str
    events: tuple[Event, ...]
    last: int
    more: bool


Step = Event | Missing | Ask | AskRange


class Tracker:
    """One site's events for one reader. Every method gives what is to be done now, in order."""

    def __init__(self, site: str, since: Position | None = None) -> None:
        """`since` is what the reader had last: a number, and its journal where that is known."""
        self._site = site
        self._journal = since.journal if since else ""
        self._last = since.seq if since else None
        self._begun = since is not None
        self._sure = since is None
        self._reachable = False
        self._asking = False
        self._asked = 0
        self._hole = False
        self._no_replay = ""
        self._waiting: dict[int, Event] = {}

    # -- what is heard

    def known(self, journal: str, last: int) -> None:
        """The site was said to be at this number some time ago."""
        if not self._begun:
            self._reachable = True
            self._journal, self._last, self._sure = journal, last, False

    def announced(self, journal: str, last: int) -> list[Step]:
        """The site tells that it is at this number now."""
        self._reachable = True
        sure, self._sure = self._sure, True
        if self._journal and journal != self._journal:
            return self._start_over(journal, last)
        self._journal = journal
        if self._last is None or not (self._begun or sure):
            self._last = last
        elif last > self._last or not sure:
            # What it announced may be some time ago: who comes with a number asks in any case.
            self._hole = True
        return [*self._drain(), *self._ask()]

    def event(self, event: Event) -> list[Step]:
        """An event came live."""
        if self._last is None or not self._begun:
            self._last, self._begun, self._sure = event.seq - 1, True, True
        if event.seq <= self._last:
            return []
        if len(self._waiting) < MAX_WAITING or event.seq == self._last + 1:
            self._waiting[event.seq] = event
        steps = self._drain()
        self._hole = self._hole or event.seq > self._last
        return [*steps, *self._ask()]

    def missed(self) -> list[Step]:
        """Some events did not come, though the site is there."""
        if self._last is None:
            return []
        self._begun = self._hole = True
        return self._ask()

    def away(self) -> None:
        """The site can't be reached: what comes next may be of another journal, until it is announced again."""
        self._reachable = False
        self._begun = self._begun or self._last is not None

    # -- what was asked

    def answered(self, page: Page) -> list[Step]:
        """The answer to Ask."""
        self._asking = False
        if self._journal and page.journal != self._journal:
            return self._start_over(page.journal, page.last)
        self._journal = page.journal
        steps: list[Step] = []
        for event in page.events:
            if event.seq > self._had + 1:
                steps.append(self._skip_to(event.seq - 1, "the site has left them out"))
            steps += self._deliver(event) if event.seq > self._had else ()
        steps += self._drain()
        self._hole = page.more or bool(self._waiting)
        if not page.events or page.events[-1].seq <= self._asked:
            # Asking again would bring nothing: what waits is of no journal that the site has, or is told of later.
            self._waiting.clear()
            self._hole = False
        return [*steps, *self._ask()]

    def too_old(self) -> list[Step]:
        """The answer to Ask is that the first of them are not there."""
        return [AskRange()]

    def has(self, journal: str, first: int, last: int) -> list[Step]:
        """The answer to AskRange: the numbers of the oldest and the newest event that can be had."""
        self._asking = False
        if self._journal and journal != self._journal:
            return self._start_over(journal, last)
        self._journal = journal
        if self._had > last:
            reason = f"event {self._had} was one of an earlier journal"
            self._waiting.clear()
            self._last, self._hole = first - 1, True
            return [Missing(None, reason, first - 1), *self._ask()]
        if self._had < first - 1:
            self._hole = True
            step = self._skip_to(first - 1, "they are not kept any more")
            return [step, *self._drain(), *self._ask()]
        return []

    def unanswered(self) -> list[Step]:
        """There was no answer: it is asked again when the site is next heard of."""
        self._asking = False
        return []

    def refused(self, reason: str) -> list[Step]:
        """The site gives no events: what is missing stays so, now and from now on."""
        self._asking = False
        self._no_replay = reason
        return self._ask()

    # -- inside

    @property
    def _had(self) -> int:
        return self._last or 0

    def _start_over(self, journal: str, last: int) -> list[Step]:
        """Begin with the first event of another journal than the one so far."""
        self._waiting.clear()
        self._journal, self._last, self._begun = journal, 0, True
        self._hole = last > 0
        return [Missing(None, "the site has begun a new journal", 0), *self._ask()]

    def _ask(self) -> list[Step]:
        if not self._hole or self._asking or not self._reachable:
            return []
        if self._no_replay:
            return self._do_without()
        self._begun, self._asking, self._asked = True, True, self._had
        return [Ask(self._had)]

    def _do_without(self) -> list[Step]:
        self._hole = False
        if not self._waiting:
            self._begun, self._last = False, None
            return [Missing(None, self._no_replay, None)]
        steps: list[Step] = []
        while self._waiting:
            steps.append(self._skip_to(min(self._waiting) - 1, self._no_replay))
            steps += self._drain()
        return steps

    def _skip_to(self, seq: int, reason: str) -> Missing:
        """Do without what is missing up to a number."""
        step = Missing(seq - self._had, reason, seq)
        self._last = seq
        self._waiting = {number: event for number, event in self._waiting.items() if number > seq}
        return step

    def _deliver(self, event: Event) -> list[Step]:
        self._last = event.seq
        self._waiting.pop(event.seq, None)
        return [replace(event, journal=self._journal)]

    def _drain(self) -> list[Step]:
        """What has waited and is the next one now."""
        steps: list[Step] = []
        while self._reachable and self._had + 1 in self._waiting:
            steps += self._deliver(self._waiting[self._had + 1])
        self._waiting = {number: event for number, event in self._waiting.items() if number > self._had}
        return steps
