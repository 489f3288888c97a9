"""Goes on in memory with a journal whose file can't be written any more.

Rules of this file: the new journal has numbers of its own, and the state of the old one with the documents that it names, as
far as they can still be read.
"""

from __future__ import annotations

import logging

from qmfagent.errors import JournalError
from qmfagent.journal.documents import referred
from qmfagent.journal.entry import Entry
from qmfagent.journal.store import Journal

_log = logging.getLogger(__name__)


def go_on_in_memory(journal: Journal, time_ns: int) -> Journal:
    """A journal in memory with the state of `journal`, which is closed."""
    successor = Journal(signer=journal.signer, retell=journal.retell)
    for key, carrier in journal.states().items():
        name, values = journal.retell(carrier)
        state = carrier.state_values
        documents = _documents(journal, carrier)
        successor.append(carrier.kind, name, time_ns, values, documents=documents, state=(key, state))
    journal.close()
    return successor


def _documents(journal: Journal, carrier: Entry) -> list[bytes]:
    try:
        found = [journal.document(digest) for digest in referred(carrier.state_values)]
    except JournalError as error:
        _log.error("%s; what is wrong is left behind", error)
        return []
    return [document for document in found if document is not None]
