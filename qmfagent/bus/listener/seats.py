"""How many peers a listener has at a time, and which of them makes room for another.

Rules of this file: pure. There are so many seats, and no more. Who has not said yet who he is, and is there the longest, gives
up his seat where somebody comes and finds none free: those who connect and say nothing keep nobody out. One who has is safe.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Peer = TypeVar("Peer", bound=Hashable)


class Seats(Generic[Peer]):
    """`number` seats."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._taken: dict[Peer, None] = {}
        self._silent: dict[Peer, None] = {}

    def __len__(self) -> int:
        """How many are taken."""
        return len(self._taken)

    def __iter__(self) -> Iterator[Peer]:
        """Those who have one, in the order in which they came."""
        return iter(self._taken)

    @property
    def to_be_had(self) -> bool:
        """Whether there is one for somebody who comes."""
        return len(self._taken) < self._number or bool(self._silent)

    def take(self, peer: Peer) -> Peer | None:
        """Give one that is to be had to a peer, silent as yet; the peer who loses his to it, if one does."""
        loser = None
        if len(self._taken) >= self._number:
            loser = next(iter(self._silent))
            self.leave(loser)
        self._taken[peer] = self._silent[peer] = None
        return loser

    def speaks(self, peer: Peer) -> None:
        """A peer has said who it is; it keeps its seat, if it has one still."""
        self._silent.pop(peer, None)

    def leave(self, peer: Peer) -> None:
        """A peer is gone; one that has no seat is no error."""
        self._taken.pop(peer, None)
        self._silent.pop(peer, None)
