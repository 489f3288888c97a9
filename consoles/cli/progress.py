"""What the command is busy with, while somebody waits for it at a terminal.

Rules of this file: it is shown on standard error, on a terminal alone, and is gone when something is printed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

from consoles.words import safe


class Progress:
    """One line that says what is being done, beside a spinner."""

    def __init__(self, status: Status | None) -> None:
        self._status = status

    def step(self, text: str) -> None:
        """Say what is done now."""
        if self._status is not None:
            self._status.update(Text(safe(text)))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the line away while something is printed."""
        if self._status is not None:
            self._status.stop()
        try:
            yield
        finally:
            if self._status is not None:
                self._status.start()


@contextmanager
def working(text: str, *, silent: bool) -> Iterator[Progress]:
    """Show what is being done within; nothing is printed there but in `aside`. `silent`: show nothing."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if silent or not sys.stderr.isatty() or console.is_dumb_terminal:
        yield Progress(None)
        return
    with console.status(Text(safe(text))) as status:
        yield Progress(status)
