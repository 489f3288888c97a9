"""Helpers of the journal tests: journals that are closed afterwards, and what fills them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from qmfagent.journal.signature import JournalSigner
from qmfagent.journal.store import Journal, Retention


@pytest.fixture(scope="session")
def signer() -> JournalSigner:
    """What signs a site's journal."""
    return JournalSigner(Ed25519PrivateKey.generate())


@pytest.fixture
def opened() -> Iterator[Callable[..., Journal]]:
    """Opens journals; in memory where no path is given."""
    with ExitStack() as stack:

        def open_journal(path: Path | None = None, signer: JournalSigner | None = None, **retention: int) -> Journal:
            journal = Journal(path, Retention(**retention), signer=signer)
            stack.callback(journal.close)
            return journal

        yield open_journal


@pytest.fixture
def fill() -> Callable[..., Any]:
    """Appends so many entries, numbered on from the last."""

    def append(journal: Journal, count: int, filler: str = "") -> None:
        for _ in range(count):
            journal.append("event", "applied", 7, {"n": journal.last + 1, "filler": filler})

    return append
