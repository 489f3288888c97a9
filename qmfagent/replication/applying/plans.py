"""The plans that can be applied here, by their token.

Rules of this file: a plan has a token only where it changes something and nothing stands against it. The oldest go where there
are too many, or too much of them; what became of a token is remembered for a while, to be told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.plans.plan import Plan
from qmfagent.errors import Refused
from qmfagent.replication.publishing.publication import Publication

PUBLICATION, ROLLBACK, HEALING = "publication", "rollback", "healing"
"""What plans are for."""

MAX_PLANS = 32
MAX_PLANS_BYTES = 64 * 1024 * 1024
MAX_GONE = 256
# What a member's entry in the lines of a plan's base takes, besides the line itself, which is shared.
_ENTRY_BYTES = 128


@dataclass(frozen=True, slots=True)
class Source:
    """Where what is planned comes from: the site that published it, and the digest; empty where that is not known."""

    site: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and what it takes to carry it out.

    `publication` is what it is for, if it is for one, `empty`: the holder has withdrawn everything. `base` are the canonical
    lines by id that it was made on. `before` is what stands for the ticket now and what would be adopted; `delivered` is
    what will have been delivered, as it will stand in this CIB (for a member that was edited here and is kept, as it was
    published). `change` is the number of the change that it rolls back, 0 for none.
    """

    plan: Plan
    source: Source
    publication: Publication | None
    empty: bool
    base: Mapping[str, bytes]
    before: Closure
    delivered: Closure
    change: int = 0

    @property
    def cause(self) -> str:
        """What it is for: PUBLICATION, ROLLBACK or HEALING."""
        return self.plan.cause


class Plans:
    """Prepared plans, oldest first."""

    def __init__(self) -> None:
        self._plans: OrderedDict[str, Prepared] = OrderedDict()
        self._gone: OrderedDict[str, str] = OrderedDict()

    def __iter__(self) -> Iterator[Prepared]:
        return iter(list(self._plans.values()))

    def find(self, token: str) -> Prepared | None:
        """The plan of that token, or None."""
        return self._plans.get(token)

    def get(self, token: str) -> Prepared:
        """The plan of that token. Raises Refused (unknown-token) where there is none, with what became of it."""
        prepared = self._plans.get(token)
        if prepared is None:
            gone = self._gone.get(token)
            raise Refused(
                "unknown-token",
                f"no plan of this agent has the token {token!r}" + (f" any more: {gone}" if gone else ""),
                hint="plan again, and use the token of that plan",
            )
        return prepared

    def keep(self, prepared: Prepared) -> None:
        """Hold a plan that has a token, as the newest."""
        token = prepared.plan.token
        self._plans[token] = prepared
        self._plans.move_to_end(token)
        self._gone.pop(token, None)
        while len(self._plans) > 1 and (
            len(self._plans) > MAX_PLANS or sum(map(_size, self._plans.values())) > MAX_PLANS_BYTES
        ):
            self.discard(next(iter(self._plans)), "there were too many newer ones")

    def discard(self, token: str, why: str) -> None:
        """Hold a plan no more, for a reason in words; one that is not there is no error."""
        if self._plans.pop(token, None):
            self._gone[token] = why
            if len(self._gone) > MAX_GONE:
                self._gone.popitem(last=False)


def _size(prepared: Prepared) -> int:
    members = len(prepared.base) + len(prepared.before.lines) + len(prepared.delivered.lines)
    published = len(prepared.publication.xml) if prepared.publication else 0
    return len(prepared.plan.patchset) + published + members * _ENTRY_BYTES
