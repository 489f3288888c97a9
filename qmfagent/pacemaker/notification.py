"""Reading the messages of cib_diff_notify.

Facts behind this file, seen with Pacemaker 2.1.5: the daemon notifies of refused operations too (cib_rc is not 0 then);
the patchset is computed before the daemon writes down who made the change, so the attributes of its `cib` element are
those of the change before, and the true ones stand in `generation_tuple`; a change of the status writes down nobody.
Source: Pacemaker, daemons/based/based_notify.c and lib/cib/cib_utils.c (cib_perform_op).
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from qmfagent.cib import document, patch
from qmfagent.cib.version import Version
from qmfagent.errors import PatchError


@dataclass(frozen=True, slots=True)
class Notification:
    """A change that was made: its patchset (a `diff` element, format 2), its versions and, for a configuration change,
    by whom."""

    patchset: etree._Element
    source: Version
    target: Version
    client: str = ""
    user: str = ""
    origin: str = ""


def read(message: bytes, current: Version) -> Notification | None:
    """Read a notification that reaches a CIB at version `current`; None for an operation that was refused.

    Raises CibError where it is no XML, PatchError where it has no patchset of format 2.
    """
    root = document.parse_element(message, "a notification of the CIB daemon")
    if root.get("cib_rc") != "0":
        return None
    patchset = root.find("cib_update_result/diff")
    if patchset is None:
        raise PatchError("a notification of the CIB daemon has no patchset")
    source, target = patch.versions(patchset, current)
    generation = root.find("cib_generation/generation_tuple")
    if generation is None:
        return Notification(patchset, source, target)
    for head in patchset.iterfind("change[@path='/cib']/change-result/cib"):
        head.attrib.clear()
        head.attrib.update(generation.attrib)
    if (source.admin_epoch, source.epoch) == (target.admin_epoch, target.epoch):
        return Notification(patchset, source, target)
    return Notification(
        patchset,
        source,
        target,
        client=generation.get("update-client", ""),
        user=generation.get("update-user", ""),
        origin=generation.get("update-origin", ""),
    )
