"""What this site was told of another site's journal: the newest entry, by its number and its hash.

Rules of this file: who has a journal's file may cut off its newest entries, and nothing in the file tells; but what was told to
others stays with them. What contradicts what was told before is logged, and what was told before is kept, so that the other
site's journal can be held against it. A journal of another id begins anew, as after a loss of power.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_HASH = re.compile("[0-9a-f]{64}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The newest entry known of a journal, whose id that is; its number, and its hash (hexadecimal)."""

    journal: str = ""
    seq: int = 0
    head: str = ""

    def to_values(self) -> dict[str, Any]:
        """The entry as plain values."""
        return asdict(self)


class Witness:
    """Remembers what one site tells."""

    def __init__(self, site: str) -> None:
        self._site = site
        self.newest = Witnessed()
        self._contradicted = False

    def take(self, attributes: Mapping[str, Any]) -> None:
        """Take note of what the site's agent announces of itself; what is no journal is passed over."""
        journal, seq, head = (attributes.get(name) for name in ("journal", "seq", "head"))
        if (
            not isinstance(journal, str)
            or not isinstance(seq, int)
            or not isinstance(head, str)
            or not _HASH.fullmatch(head)
        ):
            return
        told, known = Witnessed(journal, seq, head), self.newest
        if told.journal != known.journal:
            if known.journal:
                _log.warning(
                    "site %s has begun another journal: entry %d was the newest known of %s",
                    self._site,
                    known.seq,
                    known.journal,
                )
            self._contradicted = False
        elif self._contradicted:
            return
        elif told.seq < known.seq or (told.seq == known.seq and told.head != known.head):
            _log.error(
                "site %s tells of entry %d as the newest of its journal, and has told of another entry %d: was it changed? ask"
                " it to verify its journal",
                self._site,
                told.seq,
                known.seq,
            )
            self._contradicted = True
            return
        self.newest = told
