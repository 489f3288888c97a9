"""Fills the holes in what one reader has had of the events of all sites: the trackers, and the questions that they ask.

Rules of this file: what is missing, and what is to be asked, is decided by the trackers; here their questions are put to the
sites. A question never holds up another site. What is ready waits for the reader; nothing more is taken before he has it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from consoles.tracker import Ask, AskRange, Missing, Page, Step, Tracker
from consoles.values import Event, Gap, Position
from qmfagent.errors import QmfAgentError, RemoteError
from qmfagent.qmf.opcodes import ErrorCode

PAGE = 200
RETRY = 0.5
"""Seconds until a question that had no answer is asked again."""
_FINAL = (ErrorCode.UNKNOWN_METHOD, ErrorCode.FORBIDDEN, ErrorCode.INVALID_PARAMETER, ErrorCode.NOT_IMPLEMENTED)
"""Codes of answers that will not be others the next time."""


class Sites(Protocol):
    """What is asked of sites."""

    def numbers(self, site: str) -> tuple[str, int] | None:
        """The journal of a site and the number of its newest event, as its agent has announced them; None where it has not."""

    async def call(self, site: str, object_name: str, method: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a method of an object. Raises QmfAgentError."""

    async def site(self, name: str) -> Any:
        """The Site object. Raises QmfAgentError."""


Conclusion = Callable[[], list[Step]] | None
"""What a tracker makes of an answer, when its turn has come; None where there was none."""


@dataclass(slots=True)
class _Followed:
    """A site, the URL by way of which its events come, and the question that it has been asked."""

    tracker: Tracker
    url: str = ""
    question: asyncio.Task[Conclusion] | None = None


class Resumption:
    """The events of all sites for one reader, in order and whole: what is `ready` for him."""

    def __init__(self, sites: Sites, since: Mapping[str, Position], wanted: Collection[str] | None) -> None:
        """`since` says what the reader had last, by site; `wanted` which sites he wants, None for all."""
        self.ready: deque[Event | Gap] = deque()
        self._sites = sites
        self._wanted = wanted
        self._followed = {site: _Followed(Tracker(site, position)) for site, position in since.items()}
        self._changed: Callable[[], None] = lambda: None

    def start(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever there may be something to collect."""
        self._changed = changed

    def known(self, site: str, url: str) -> None:
        """A site was there before the reader came."""
        numbers = self._sites.numbers(site)
        if numbers is not None and self._wants(site):
            followed = self._follow(site)
            followed.url = url
            followed.tracker.known(*numbers)

    def heard(self, site: str, url: str) -> None:
        """A site has announced itself."""
        numbers = self._sites.numbers(site)
        if numbers is not None and self._wants(site):
            followed = self._follow(site)
            followed.url = url
            self._do(site, followed.tracker.announced(*numbers))

    def event(self, event: Event, url: str, *, missed: bool) -> None:
        """An event came live; `missed` for the one by which a site tells that it left out some."""
        if not self._wants(event.site):
            return
        if not event.seq:
            self.ready.append(event)
            return
        followed = self._follow(event.site)
        followed.url = url
        self._do(event.site, followed.tracker.missed() if missed else followed.tracker.event(event))

    def gap(self, gap: Gap) -> None:
        """Events by way of one URL are missing: because the connection was lost where their number is not known, else because
        the reader was too slow."""
        concerned = [site for site, followed in self._followed.items() if followed.url == gap.url]
        for site in concerned:
            tracker = self._followed[site].tracker
            if gap.missed is None:
                tracker.away()
            else:
                self._do(site, tracker.missed())
        if not concerned:
            self.ready.append(gap)

    def lost(self, site: str) -> None:
        """A site can't be reached any more."""
        if site in self._followed:
            self._followed[site].tracker.away()

    def collect(self) -> bool:
        """Take the answers that have come; whether there were any."""
        answered = [
            (s, f, f.question) for s, f in self._followed.items() if f.question is not None and f.question.done()
        ]
        for site, followed, question in answered:
            followed.question = None
            if question.cancelled():
                continue
            conclude = question.result()
            self._do(site, conclude() if conclude else followed.tracker.unanswered())
            numbers = self._sites.numbers(site)
            if conclude is None and numbers is not None:
                self._do(site, followed.tracker.announced(*numbers))
        return bool(answered)

    def close(self) -> None:
        """Ask nothing more."""
        for followed in self._followed.values():
            if followed.question is not None:
                followed.question.cancel()

    def _wants(self, site: str) -> bool:
        return self._wanted is None or site in self._wanted

    def _follow(self, site: str) -> _Followed:
        return self._followed.setdefault(site, _Followed(Tracker(site)))

    def _do(self, site: str, steps: list[Step]) -> None:
        followed = self._followed[site]
        for step in steps:
            match step:
                case Event():
                    self.ready.append(step)
                case Missing():
                    self.ready.append(Gap(followed.url, step.count, step.reason, site, step.resume))
                case Ask(since=since):
                    self._put(followed, partial(self._page, site, followed.tracker, since))
                case AskRange():
                    self._put(followed, partial(self._range, site, followed.tracker))

    def _put(self, followed: _Followed, question: Callable[[], Awaitable[Conclusion]]) -> None:
        followed.question = asyncio.get_running_loop().create_task(self._answer(followed.tracker, question))
        followed.question.add_done_callback(lambda done: self._changed())

    async def _answer(self, tracker: Tracker, question: Callable[[], Awaitable[Conclusion]]) -> Conclusion:
        """The answer to a question; where there is none, that is said after a pause."""
        try:
            return await question()
        except RemoteError as error:
            if error.reason == "too-old":
                return tracker.too_old
            if error.code in _FINAL:
                return partial(tracker.refused, str(error))
        except QmfAgentError:
            pass
        except (KeyError, TypeError, ValueError) as error:
            return partial(tracker.refused, f"the site gives no valid answer: {error!r}")
        await asyncio.sleep(RETRY)
        return None

    async def _page(self, site: str, tracker: Tracker, since: int) -> Conclusion:
        answer = await self._sites.call(site, f"Site:{site}", "events", since=since, limit=PAGE)
        return partial(tracker.answered, _page(site, answer))

    async def _range(self, site: str, tracker: Tracker) -> Conclusion:
        values = (await self._sites.site(site)).values
        return partial(tracker.has, str(values["journal"]), int(values["first_event"]), int(values["last_event"]))


def _page(site: str, answer: Mapping[str, Any]) -> Page:
    journal = str(answer["journal"])
    events = tuple(
        Event(
            site,
            str(event["name"]),
            dict(event["values"]),
            int(event["severity"]),
            int(event["timestamp"]),
            int(event["seq"]),
            journal,
        )
        for event in answer["events"]
    )
    return Page(journal, events, int(answer["last"]), bool(answer["more"]))
