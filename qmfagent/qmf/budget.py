"""How much work one query of a peer may cause.

Rules of this file: work is counted in steps of about ten nanoseconds, estimated from above before it is done. All terms of a
predicate and all objects that it is asked about draw on one budget: the agent does nothing else meanwhile.
"""

from __future__ import annotations

from qmfagent.errors import ProtocolError

MAX_STEPS = 50_000_000


class Budget:
    """The work that is left to one query."""

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self._left = steps

    def spend(self, steps: int) -> None:
        """Take so many steps. Raises ProtocolError where they are not there."""
        self._left -= steps
        if self._left < 0:
            raise ProtocolError(
                "the predicate is too much work for so many objects",
                hint="query one class or one object, with fewer terms, and fewer of * + {} ? and | in the patterns of re_match",
            )
