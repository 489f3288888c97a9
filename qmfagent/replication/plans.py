"""The plans that can be applied here, by their token.

Rules of this file: a plan has a token only where it changes something and nothing stands against it. The oldest go where there
are too many, or too much of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from qmfagent.cib.plan import Plan
from qmfagent.errors import Refused
from qmfagent.replication.publication import Publication

MAX_PLANS = 32
MAX_PLANS_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and the publication it is for. `empty`: the holder has withdrawn everything."""

    plan: Plan
    publication: Publication
    empty: bool


class Plans:
    """Prepared plans, oldest first."""

    def __init__(self) -> None:
        self._plans: OrderedDict[str, Prepared] = OrderedDict()

    def __iter__(self) -> Iterator[Prepared]:
        return iter(list(self._plans.values()))

    def find(self, token: str) -> Prepared | None:
        """The plan of that token, or None."""
        return self._plans.get(token)

    def get(self, token: str) -> Prepared:
        """The plan of that token. Raises Refused (unknown-token) where there is none."""
        prepared = self._plans.get(token)
        if prepared is None:
            raise Refused(
                "unknown-token",
                f"no plan of this agent has the token {token!r}",
                hint="plan again, and use the token of that plan",
            )
        return prepared

    def keep(self, prepared: Prepared) -> None:
        """Hold a plan that has a token, as the newest."""
        self._plans[prepared.plan.token] = prepared
        self._plans.move_to_end(prepared.plan.token)
        while len(self._plans) > 1 and (
            len(self._plans) > MAX_PLANS or sum(map(_size, self._plans.values())) > MAX_PLANS_BYTES
        ):
            self._plans.popitem(last=False)

    def discard(self, token: str) -> None:
        """Hold a plan no more; one that is not there is no error."""
        self._plans.pop(token, None)


def _size(prepared: Prepared) -> int:
    return len(prepared.plan.patchset) + len(prepared.publication.xml)
