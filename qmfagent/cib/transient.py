"""Updates of transient attributes: the changes of the status that may wait.

Rules of this file: of the status, this program tells tickets, what resources and nodes do, how often they have failed, and who
is in standby or maintenance (ticket.py, status.py, failures.py). New values of the other transient attributes concern none of
that, and nothing in a CIB changes as often: what ping, load and health agents measure is written there. They are recognised by
their text, since that is many times cheaper than to read them, and joined: of each attribute the last value counts. What is not
recognised for certain may not wait.
Source: Pacemaker Explained, "Transient node attributes"; patchsets as lib/common/patchset.c 2.1 makes them and
dump_xml_unformatted writes them.
"""

from __future__ import annotations

import re

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.version import Version
from qmfagent.errors import PatchError

_ID = rb"\[@id=&apos;[^\"&]*&apos;\]"
_CHANGE = (
    rb'<change operation="modify" path="('
    + b"".join(
        b"/%b%b" % (tag, _ID) for tag in (b"cib/status/node_state", b"transient_attributes", b"instance_attributes")
    )
    + b"/nvpair"
    + _ID
    + rb')"><change-list><change-attr name="value" operation="set" value="[^"]*"/></change-list>'
    rb'<change-result><nvpair (?![^<>]*name="(?:standby"|maintenance"|fail-count-))[^<>]*/></change-result></change>'
)
_changes = re.compile(_CHANGE)
_update = re.compile(
    rb'<diff format="2"><version><source admin_epoch="(\d+)" epoch="(\d+)" num_updates="(\d+)"/>'
    rb'<target admin_epoch="\1" epoch="\2" num_updates="(\d+)"/></version>'
    rb'<change operation="modify" path="/cib"><change-list><change-attr name="num_updates" operation="set" value="\d+"/>'
    rb"</change-list><change-result><cib [^<>]*/></change-result></change>(?:"
    + _CHANGE.replace(b"(/", b"(?:/")
    + rb")+</diff>"
)
_Numbers = tuple[bytes, bytes, bytes]

# So many are put by as they come, since it costs less to read them all at once.
_UNREAD = 256


Update = re.Match[bytes]
"""A patchset that was recognised."""


def may_wait(patchset: bytes) -> Update | None:
    """The patchset, as Pacemaker's own unformatted text, where it is an update of transient attributes and nothing else."""
    return _update.fullmatch(patchset)


class TransientUpdates:
    """Updates that followed on each other, joined; never empty when asked."""

    def __init__(self) -> None:
        self._unread: list[Update] = []
        self._source: _Numbers | None = None
        self._target: _Numbers | None = None
        self._changes: dict[bytes, bytes] = {}
        self._gap = False

    def add(self, update: Update) -> None:
        """Join one more."""
        self._unread.append(update)
        if len(self._unread) >= _UNREAD:
            self._read()

    @property
    def target(self) -> Version:
        """The version that they lead to."""
        self._read()
        return _version(self._target)

    def patchset(self, current: Version) -> etree._Element:
        """All of them as one `diff` element, for a CIB at version `current`.

        That may be any version in between: what it has already is set again. One before the first gets a patchset that does
        not fit. Raises PatchError where one between them is missing.
        """
        self._read()
        if self._gap:
            raise PatchError(f"not all updates of transient attributes up to version {self.target} were told of")
        diff = etree.Element("diff", {"format": "2"})
        version = etree.SubElement(diff, "version")
        etree.SubElement(version, "source", max(_version(self._source), current).attributes())
        etree.SubElement(version, "target", self.target.attributes())
        diff.extend(document.parse_element(b"<diff>%b</diff>" % b"".join(self._changes.values())))
        return diff

    def _read(self) -> None:
        for update in self._unread:
            admin_epoch, epoch, before, after = update.groups()
            source = admin_epoch, epoch, before
            self._gap |= self._target not in (None, source)
            self._source = self._source or source
            self._target = admin_epoch, epoch, after
            for change in _changes.finditer(update.string):
                self._changes[change[1]] = change[0]
        self._unread.clear()


def _version(numbers: _Numbers | None) -> Version:
    assert numbers is not None
    return Version(*map(int, numbers))
