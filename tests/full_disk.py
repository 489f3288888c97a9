"""A disk on which no journal can be written any more."""

from __future__ import annotations

from typing import Any

import pytest

from qmfagent.errors import JournalError
from qmfagent.journal.store import Journal


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every append to a file fail; one in memory works."""
    appends = Journal.append

    def fail_in_file(journal: Journal, *args: Any, **more: Any) -> Any:
        if journal._path is not None:
            raise JournalError("journal.db: disk is full")
        return appends(journal, *args, **more)

    monkeypatch.setattr(Journal, "append", fail_in_file)
