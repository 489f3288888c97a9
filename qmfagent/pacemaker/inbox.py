"""What the CIB daemon has told of, on its way from the thread that hears it to the event loop that works on it.

Rules of this file: nothing overtakes anything. What may wait (cib/transient.py) wakes nobody: it is joined with its
neighbours and lies here until somebody takes everything, because there is something that may not wait, or because they
want to know how things stand. One thread puts, another takes.
"""

from __future__ import annotations

import threading
from collections import deque

from qmfagent.cib.transient import TransientUpdates, Update
from qmfagent.cib.version import Version

Item = bytes | TransientUpdates


class Inbox:
    """Notifications in the order of their arrival: each as the daemon's message, or those that could wait joined to one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: deque[Item] = deque()
        self._called = False

    def hold(self, update: Update) -> None:
        """Keep a notification that may wait."""
        with self._lock:
            last = self._items[-1] if self._items else None
            if not isinstance(last, TransientUpdates):
                last = TransientUpdates()
                self._items.append(last)
            last.add(update)

    def put(self, message: bytes) -> bool:
        """Keep a notification that may not wait; whether the taker is to be called: once until the inbox is empty again."""
        with self._lock:
            self._items.append(message)
            called, self._called = self._called, True
            return not called

    def take(self) -> Item | None:
        """The oldest item, no longer in it; None where it is empty."""
        with self._lock:
            if self._items:
                return self._items.popleft()
            self._called = False
            return None

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._items.clear()
            self._called = False

    @property
    def version(self) -> Version | None:
        """The version that the last notification leads to, where that is one that could wait; else None."""
        with self._lock:
            last = self._items[-1] if self._items else None
            return last.target if isinstance(last, TransientUpdates) else None
