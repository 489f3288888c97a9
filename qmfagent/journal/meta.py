"""What a journal's file says of itself: where it begins, who signs it, and who has it open.

Rules of this file: where a journal begins and its signature are written together, in its caller's transaction.
"""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from qmfagent.journal.entry import Anchor
from qmfagent.journal.file import damaged
from qmfagent.journal.signature import Beginning, JournalSigner, JournalVerifier

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Meta:
    """`signer` is the public key of who signs (hexadecimal), `signature` that of the beginning; both are empty where nobody
    does. `opened` is the boot of the node in which the journal was opened, empty after it was closed. The ids of a journal
    that is new are empty."""

    beginning: Beginning
    signer: str = ""
    signature: bytes = b""
    opened: str = ""

    def signed_by(self, name: str) -> bool:
        """Whether the one of that public key has signed this beginning."""
        try:
            return self.signer == name and JournalVerifier(name).beginning(self.beginning, self.signature)
        except ValueError:
            return False


def read_meta(connection: sqlite3.Connection) -> Meta:
    """What stands in a journal. Raises ValueError for what can't be read."""
    values = dict(connection.execute("SELECT key, value FROM meta"))

    def anchor(name: str) -> Anchor:
        return Anchor(int(values.get(f"{name}_seq", 0)), values.get(f"{name}_hash", Anchor().hash))

    number = values.get("id", "")
    return Meta(
        Beginning(values.get("chain", number), number, anchor("anchor"), anchor("since")),
        values.get("signer", ""),
        bytes.fromhex(values.get("signature", "")),
        values.get("open", ""),
    )


def signed_since(meta: Meta, signer: str, end: Anchor, path: Path | None) -> Anchor:
    """What the signed entries follow, where the one of that public key signs from now on (nobody, where it is empty): where
    that is a new one, the newest entry, `end`.

    Raises JournalError where it is the one that has signed up to now, and has not signed this.
    """
    if meta.signer != signer:
        if meta.signer:
            _log.warning("%s was signed by another key, %s, up to entry %d", path, meta.signer, end.seq)
        return end if signer else Anchor()
    if signer and not meta.signed_by(signer):
        raise damaged(path, "where it begins is not signed by this site's key")
    return meta.beginning.since


def write_beginning(connection: sqlite3.Connection, beginning: Beginning, signer: JournalSigner | None) -> None:
    """Write where the journal begins, signed by `signer` where there is one."""
    values = {
        "chain": beginning.chain,
        "id": beginning.id,
        "anchor_seq": str(beginning.anchor.seq),
        "anchor_hash": beginning.anchor.hash,
        "since_seq": str(beginning.since.seq),
        "since_hash": beginning.since.hash,
        "signer": signer.name if signer else "",
        "signature": signer.beginning(beginning).hex() if signer else "",
    }
    connection.executemany("REPLACE INTO meta VALUES (?, ?)", values.items())


def write_opened(connection: sqlite3.Connection, boot: str) -> None:
    """Note the boot of the node in which the journal is open; empty for none."""
    connection.execute("REPLACE INTO meta VALUES ('open', ?)", (boot,))
