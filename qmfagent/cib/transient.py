"""Updates of transient attributes: the changes of the status that may wait.

Rules of this file: of the status, this program tells tickets, what resources and nodes do, and who is in standby (ticket.py,
status.py). New values of the other transient attributes concern none of that, and nothing in a CIB changes as often: what
ping, load and health agents measure is written there. They are recognised by their text, since that is many times cheaper
than to read them, and joined: of each attribute the last value counts. What is not recognised for certain is no such update.
Source: Pacemaker Explained, "Transient node attributes"; patchsets as lib/common/patchset.c 2.1 makes them and
dump_xml_unformatted writes them.
"""

from __future__ import annotations

import re

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.version import Version

_ID = rb"\[@id=&apos;[^\"&]*&apos;\]"
_CHANGE = (
    rb'<change operation="modify" path="('
    + b"".join(
        b"/%b%b" % (tag, _ID) for tag in (b"cib/status/node_state", b"transient_attributes", b"instance_attributes")
    )
    + b"/nvpair"
    + _ID
    + rb')"><change-list><change-attr name="value" operation="set" value="[^"]*"/></change-list>'
    rb"<change-result><nvpair [^<>]*/></change-result></change>"
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
_STANDBY = b' name="standby"'

_Numbers = tuple[bytes, bytes, bytes]


class TransientUpdates:
    """Updates of transient attributes that followed on each other, joined; empty at first."""

    def __init__(self) -> None:
        self._source: _Numbers | None = None
        self._target: _Numbers | None = None
        self._changes: dict[bytes, bytes] = {}

    @property
    def versions(self) -> tuple[Version, Version]:
        """The versions that they lead from and to. Not to be asked of an empty one."""
        assert self._source is not None
        assert self._target is not None
        return Version(*map(int, self._source)), Version(*map(int, self._target))

    def join(self, patchset: bytes) -> bool:
        """Add the update that `patchset` is, a `diff` element in Pacemaker's own unformatted text.

        False, and nothing added, where it is anything else or does not follow on the last one.
        """
        update = _update.fullmatch(patchset)
        if update is None or _STANDBY in patchset:
            return False
        admin_epoch, epoch, before, after = update.groups()
        source = admin_epoch, epoch, before
        if self._target not in (None, source):
            return False
        self._source = self._source or source
        self._target = admin_epoch, epoch, after
        for change in _changes.finditer(patchset):
            self._changes[change[1]] = change[0]
        return True

    def patchset(self, current: Version) -> etree._Element:
        """All of them as one `diff` element, for a CIB at version `current`.

        That may be any version in between: what it has already is set again. A CIB at an earlier one gets the patchset from
        where they begin, which does not fit it.
        """
        source, target = self.versions
        diff = etree.Element("diff", {"format": "2"})
        version = etree.SubElement(diff, "version")
        etree.SubElement(version, "source", max(source, current).attributes())
        etree.SubElement(version, "target", target.attributes())
        diff.extend(document.parse_element(b"<diff>%b</diff>" % b"".join(self._changes.values())))
        return diff
