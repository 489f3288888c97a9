"""Members of a site as they stand: picked by id, and as a document that they can be read from again.

Rules of this file: pure. What stands at a site is kept as it is, whether or not it would do as a publication: it may have been
edited there, or refer to what stands beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.snapshot import Snapshot


def pick_members(ticket: str, lines: Mapping[str, bytes], ids: Collection[str]) -> Closure:
    """Those members of `lines` (canonical lines by id) that `ids` names, as what stands for `ticket`."""
    sections: dict[str, dict[str, bytes]] = {section: {} for section in document.SECTIONS}
    for identifier, line in lines.items():
        if identifier in ids:
            sections[_section_of(line)][identifier] = line
    return Closure(ticket, sections)


def read_members(ticket: str, data: bytes, name: str) -> Closure:
    """What `Closure.canonical` wrote of such members. Raises CibError where it is no CIB document."""
    lines = Snapshot.parse(data, name).lines
    return pick_members(ticket, lines, lines)


def _section_of(line: bytes) -> str:
    return "constraints" if line.startswith(b"<rsc_") else "tags" if line.startswith(b"<tag ") else "resources"
