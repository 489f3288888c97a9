"""The tracker: whatever is lost, doubled or late, a reader has exactly what the journal has, or is told where it has not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consoles.tracker import MAX_WAITING, Ask, AskRange, Missing, Page, Step, Tracker
from consoles.values import Event, Position


def event(seq: int, journal: str = "") -> Event:
    return Event("a", "applied", {"seq": seq}, 5, 0, seq, journal)


def page(*numbers: int, last: int, more: bool = False, journal: str = "J") -> Page:
    return Page(journal, tuple(map(event, numbers)), last, more)


def told(steps: list[Step]) -> list[Any]:
    return [step.seq if isinstance(step, Event) else step for step in steps]


def following(last: int = 10) -> Tracker:
    """A tracker whose reader has had an event, the last there is."""
    tracker = Tracker("a")
    tracker.known("J", last - 1)
    assert told(tracker.event(event(last))) == [last]
    return tracker


# -- where it begins


def test_who_says_nothing_begins_with_what_comes() -> None:
    tracker = Tracker("a")
    tracker.known("J", 3)
    assert told(tracker.event(event(7))) == [7]
    assert told(tracker.event(event(8))) == [8]
    assert told(tracker.announced("J", 8)) == []


def test_what_happened_between_the_last_announcement_and_the_beginning_is_not_missing() -> None:
    tracker = Tracker("a")
    tracker.known("J", 3)
    assert told(tracker.announced("J", 6)) == []
    assert told(tracker.event(event(6))) == [6], "it was on its way when the announcement came"
    assert told(tracker.event(event(7))) == [7]


def test_what_happened_after_that_is() -> None:
    tracker = Tracker("a")
    tracker.known("J", 3)
    assert told(tracker.announced("J", 6)) == []
    assert told(tracker.announced("J", 7)) == [Ask(6)]


def test_what_was_lost_before_the_first_event_is_asked_for() -> None:
    tracker = Tracker("a")
    tracker.known("J", 3)
    tracker.away()
    assert told(tracker.event(event(5))) == []
    assert told(tracker.announced("J", 5)) == [Ask(3)]
    assert told(tracker.answered(page(4, 5, last=5))) == [4, 5]


def test_who_says_since_when_is_told_all_since_then() -> None:
    tracker = Tracker("a", Position(7, "J"))
    assert told(tracker.announced("J", 9)) == [Ask(7)]
    assert told(tracker.answered(page(8, 9, last=9))) == [8, 9]
    assert told(Tracker("a", Position(7)).announced("K", 3)) == [Ask(7)], "the announcement may be an old one"


def test_a_number_without_its_journal_that_can_not_be_is_found_out() -> None:
    tracker = Tracker("a", Position(70))
    assert told(tracker.announced("J", 9)) == [Ask(70)]
    assert told(tracker.too_old()) == [AskRange()]
    assert told(tracker.has("J", 4, 9)) == [Missing(None, "event 70 was one of an earlier journal", 3), Ask(3)]


# -- holes


def test_a_jump_is_filled_before_what_came_after_it() -> None:
    tracker = following(10)
    assert told(tracker.event(event(13))) == [Ask(10)]
    assert told(tracker.event(event(14))) == []
    assert told(tracker.answered(page(11, 12, last=12))) == [11, 12, 13, 14]
    assert told(tracker.event(event(15))) == [15]


def test_duplicates_are_dropped() -> None:
    tracker = following(10)
    assert told(tracker.event(event(10))) == []
    assert told(tracker.event(event(12))) == [Ask(10)]
    assert told(tracker.event(event(12))) == []
    assert told(tracker.answered(page(11, 12, last=12))) == [11, 12]
    assert told(tracker.event(event(12))) == []


def test_an_announcement_tells_of_what_did_not_come() -> None:
    tracker = following(10)
    assert told(tracker.announced("J", 10)) == []
    assert told(tracker.announced("J", 9)) == []
    assert told(tracker.announced("J", 12)) == [Ask(10)]


def test_the_site_itself_tells_of_what_it_left_out() -> None:
    tracker = following(10)
    assert told(tracker.missed()) == [Ask(10)]
    assert told(tracker.answered(page(11, last=11))) == [11]


def test_one_question_at_a_time_page_by_page() -> None:
    tracker = following(10)
    assert told(tracker.announced("J", 30)) == [Ask(10)]
    assert told(tracker.announced("J", 31)) == []
    assert told(tracker.answered(page(11, 12, last=31, more=True))) == [11, 12, Ask(12)]
    assert told(tracker.unanswered()) == []
    assert told(tracker.announced("J", 31)) == [Ask(12)]


def test_what_waits_is_bounded() -> None:
    tracker = following(10)
    for seq in range(12, 12 + 3 * MAX_WAITING):
        tracker.event(event(seq))
    assert len(tracker._waiting) == MAX_WAITING
    steps = told(tracker.answered(page(11, last=11)))
    assert steps == [*range(11, 12 + MAX_WAITING)]
    assert told(tracker.announced("J", 5000)) == [Ask(11 + MAX_WAITING)]


# -- where the site can't give it


def test_what_is_not_kept_any_more_is_told_with_where_it_goes_on() -> None:
    tracker = following(10)
    assert told(tracker.announced("J", 90)) == [Ask(10)]
    assert told(tracker.too_old()) == [AskRange()]
    assert told(tracker.has("J", 50, 90)) == [Missing(39, "they are not kept any more", 49), Ask(49)]
    assert told(tracker.answered(page(50, 51, last=51))) == [50, 51]


def test_another_journal_is_begun_from_its_beginning() -> None:
    tracker = following(10)
    tracker.away()
    assert told(tracker.event(event(2))) == []
    assert told(tracker.announced("K", 2)) == [Missing(None, "the site has begun a new journal", 0), Ask(0)]
    steps = tracker.answered(page(1, 2, last=2, journal="K"))
    assert [(step.seq, step.journal) for step in steps if isinstance(step, Event)] == [(1, "K"), (2, "K")]


def test_an_answer_of_another_journal_is_not_believed() -> None:
    tracker = following(10)
    assert told(tracker.event(event(12))) == [Ask(10)]
    answer = told(tracker.answered(page(11, 12, last=12, journal="K")))
    assert answer == [Missing(None, "the site has begun a new journal", 0), Ask(0)]


def test_a_site_that_does_not_replay_has_a_gap_for_every_hole() -> None:
    tracker = following(10)
    assert told(tracker.event(event(13))) == [Ask(10)]
    assert told(tracker.refused("forbidden")) == [Missing(2, "forbidden", 12), 13]
    assert told(tracker.event(event(20))) == [Missing(6, "forbidden", 19), 20]
    assert told(tracker.missed()) == [Missing(None, "forbidden", None)]
    assert told(tracker.event(event(30))) == [30]


def test_answers_that_lead_nowhere_end_the_asking() -> None:
    tracker = following(10)
    assert told(tracker.event(event(57))) == [Ask(10)]
    assert told(tracker.answered(page(last=10))) == []
    assert told(tracker.event(event(11))) == [11]
    assert told(tracker.event(event(13))) == [Ask(11)]
    assert told(tracker.answered(page(9, 10, last=99, more=True))) == []


def test_an_answer_with_a_hole_in_it_is_told_as_one() -> None:
    tracker = following(10)
    assert told(tracker.missed()) == [Ask(10)]
    assert told(tracker.answered(page(11, 13, last=13))) == [11, Missing(1, "the site has left them out", 12), 13]


# -- any order of anything


@dataclass
class Site:
    """A site as the tracker can know it: its journal, and which of its events are still kept."""

    journal: str = "J0"
    last: int = 0
    first: int = 1
    in_flight: list[Event] = field(default_factory=list)


class AnyInterleaving(RuleBasedStateMachine):
    """Events are raised, lost, doubled and reordered, connections are cut, journals cut short or begun anew, questions
    answered, late, in parts or never. In the end all is quiet, and the reader has everything."""

    @initialize(before=st.integers(0, 5), since=st.none() | st.integers(0, 5), named=st.booleans())
    def begin(self, before: int, since: int | None, named: bool) -> None:
        self.site = Site(last=before)
        self.had: list[tuple[str, int]] = []
        self.resumed: tuple[str, int] | None = None
        self.question: Step | None = None
        self.connected = True
        if named and since is not None:
            since = min(since, before)
        position = None if since is None else Position(since, "J0" if named else "")
        self.tracker = Tracker("a", position)
        if position is None:
            self.tracker.known("J0", self.site.last)
            self.floor: int | None = None
        else:
            self.floor = since
            self.do(self.tracker.announced(self.site.journal, self.site.last))
            while since > before and self.question:
                self.answer(size=3, answered=True)

    def do(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case Ask() | AskRange():
                    assert self.question is None
                    self.question = step
                case Missing(resume=resume):
                    assert resume is not None
                    self.resumed = (self.site.journal, resume)
                case Event(seq=seq):
                    self.take((self.tracker._journal, seq))

    def take(self, item: tuple[str, int]) -> None:
        """An event reaches the reader: it is the next one, or the one that a gap said would come next."""
        if self.resumed is not None:
            assert item == (self.resumed[0], self.resumed[1] + 1)
        elif self.had:
            assert item == (self.had[-1][0], self.had[-1][1] + 1)
        elif self.floor is not None:
            assert item[1] == self.floor + 1
        self.resumed = None
        self.had.append(item)

    @rule(reaches=st.booleans())
    def raised(self, reaches: bool) -> None:
        self.site.last += 1
        if reaches and self.connected:
            self.site.in_flight.append(event(self.site.last))

    @precondition(lambda self: self.connected and self.site.in_flight)
    @rule(data=st.data(), twice=st.booleans())
    def arrives(self, data: st.DataObject, twice: bool) -> None:
        at = data.draw(st.integers(0, min(2, len(self.site.in_flight) - 1)))
        arrived = self.site.in_flight[at] if twice else self.site.in_flight.pop(at)
        self.do(self.tracker.event(arrived))

    @precondition(lambda self: self.connected and self.site.in_flight)
    @rule()
    def left_out(self) -> None:
        self.site.in_flight.clear()
        self.do(self.tracker.missed())

    @precondition(lambda self: self.connected)
    @rule(late=st.integers(0, 2))
    def heartbeat(self, late: int) -> None:
        self.do(self.tracker.announced(self.site.journal, max(self.site.last - late, 0)))

    @precondition(lambda self: self.connected)
    @rule()
    def cut(self) -> None:
        self.connected = False
        self.site.in_flight.clear()
        self.do(self.tracker.unanswered() if self.question else [])
        self.question = None
        self.tracker.away()

    @precondition(lambda self: not self.connected)
    @rule(early=st.booleans())
    def back(self, early: bool) -> None:
        self.connected = True
        if early:
            self.site.last += 1
            self.do(self.tracker.event(event(self.site.last)))
        self.do(self.tracker.announced(self.site.journal, self.site.last))

    @precondition(lambda self: not self.connected)
    @rule(events=st.integers(0, 8))
    def restarted_without_its_journal(self, events: int) -> None:
        self.site = Site(f"J{int(self.site.journal[1:]) + 1}", events)

    @rule(kept=st.integers(0, 3))
    def forgets(self, kept: int) -> None:
        self.site.first = max(self.site.first, self.site.last + 1 - kept)

    @precondition(lambda self: self.question is not None)
    @rule(size=st.integers(1, 3), answered=st.booleans())
    def answer(self, size: int, answered: bool) -> None:
        question, self.question = self.question, None
        site = self.site
        if not answered:
            self.do(self.tracker.unanswered())
        elif isinstance(question, AskRange):
            self.do(self.tracker.has(site.journal, site.first, site.last))
        else:
            assert isinstance(question, Ask)
            if not site.first - 1 <= question.since <= site.last:
                self.do(self.tracker.too_old())
                return
            numbers = range(question.since + 1, min(question.since + size, site.last) + 1)
            more = question.since + len(numbers) < site.last
            self.do(self.tracker.answered(Page(site.journal, tuple(map(event, numbers)), site.last, more)))

    @invariant()
    def what_waits_is_after_what_was_had(self) -> None:
        if hasattr(self, "tracker") and self.tracker._waiting:
            assert min(self.tracker._waiting) > (self.tracker._last or 0)

    def teardown(self) -> None:
        """Quiet: the connection is up, questions are answered, one more event and a heartbeat come."""
        if not hasattr(self, "tracker"):
            return
        if not self.connected:
            self.back(early=False)
        self.site.last += 1
        self.do(self.tracker.event(event(self.site.last)))
        for _ in range(3):
            self.heartbeat(late=0)
            for _ in range(100):
                if self.question is None:
                    break
                self.answer(size=3, answered=True)
        assert self.had[-1] == (self.site.journal, self.site.last), (self.had[-3:], self.site)


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
