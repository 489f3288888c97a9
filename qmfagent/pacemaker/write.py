"""One atomic write to a live CIB, with the configuration as its precondition.

Facts behind this file, seen with Pacemaker 2.1.5: a patchset whose source version names admin_epoch and epoch, and no
num_updates, is accepted exactly while the configuration is at that version, whatever happens in the status meanwhile
(lib/common/patchset.c, xml_patch_version_check: what a patchset does not name is taken from the CIB). A patchset that is
behind is refused as old, one that is ahead or does not fit as failed; neither changes anything. A change of the cib element
gives all its attributes, have-quorum and dc-uuid among them, which change with the status: it is written on the newest ones,
and names num_updates, so that none of them is set back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto

from lxml import etree
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from qmfagent.cib import document
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import CibError, ClusterError, ConfigurationChanged, PatchError, WriteRejected
from qmfagent.pacemaker import schemas
from qmfagent.pacemaker.feed import Feed

_RETRY_SECONDS = 10.0
_SEEN_SECONDS = 10.0


class Outcome(Enum):
    """What became of a patchset."""

    APPLIED = auto()
    MISFIT = auto()  # the configuration has another version, or something the patch names is not there
    REJECTED = auto()  # the result breaks the schema, or an ACL is against it


Submit = Callable[[bytes], Awaitable[tuple[Outcome, str]]]


class _Moved(Exception):
    """The version was not the one expected; raised inside this file alone, to try again."""


async def apply(
    feed: Feed, submit: Submit, refresh: Callable[[], Awaitable[None]], patchset: bytes, expected_digest: str
) -> Version:
    """Apply `patchset` (format 2; its versions, if any, are replaced) if the configuration has `expected_digest`.

    `submit` sends a patchset and gives the outcome with Pacemaker's words; `refresh` reads the CIB anew into `feed`.
    Returns the version written, once `feed` shows it; a patchset without changes writes nothing. Raises Disconnected,
    ConfigurationChanged (nothing written: plan again), WriteRejected (nothing written), ClusterError.
    """
    changes = parse_changes(patchset)
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(_Moved),
            stop=stop_after_delay(_RETRY_SECONDS),
            wait=wait_random_exponential(multiplier=0.01, max=0.5),
            reraise=True,
        ):
            with attempt:
                target = await _try(feed, submit, refresh, changes, expected_digest)
    except _Moved:
        raise ClusterError(
            f"the CIB's version moved at every try for {_RETRY_SECONDS:g} s; nothing was written"
        ) from None
    if not await feed.until(lambda snapshot: snapshot.version >= target, _SEEN_SECONDS):
        raise ClusterError(f"version {target} was written, but is not to be seen after {_SEEN_SECONDS:g} s")
    return target


async def _try(
    feed: Feed,
    submit: Submit,
    refresh: Callable[[], Awaitable[None]],
    changes: etree._Element,
    expected_digest: str,
) -> Version:
    snapshot = feed.current()
    check_precondition(snapshot, expected_digest)
    if changes.find("change") is None:
        return snapshot.version
    source, target = snapshot.version, snapshot.version.after_configuration_change()
    guard_status = bool(head_attributes(changes))
    outcome, words = await submit(place(changes, snapshot, target, guard_status=guard_status))
    if outcome is Outcome.APPLIED:
        return target
    if outcome is Outcome.MISFIT:
        # The notification that explains the refusal is most often here already, and saves reading everything.
        if _fits(feed.current().version, source, guard_status):
            await refresh()
        if not _fits(feed.current().version, source, guard_status):
            raise _Moved
    raise WriteRejected(rejection(snapshot, changes, words))


def _fits(version: Version, source: Version, guard_status: bool) -> bool:
    same_status = version.num_updates == source.num_updates or not guard_status
    return (version.admin_epoch, version.epoch) == (source.admin_epoch, source.epoch) and same_status


def check_precondition(snapshot: Snapshot, expected_digest: str) -> None:
    """Raise ConfigurationChanged unless the configuration of `snapshot` has `expected_digest`."""
    if snapshot.config_digest != expected_digest:
        raise ConfigurationChanged(
            f"the configuration, now at version {snapshot.version}, is not the one that the change was computed from",
            hint="plan again",
        )


def place(changes: etree._Element, source: Snapshot, target: Version, *, guard_status: bool) -> bytes:
    """The patchset `changes` as a document that leads from `source` to `target`.

    Without `guard_status` it fits every state of the status that belongs to the configuration of `source`.
    """
    diff = etree.Element("diff", {"format": "2"})
    version = etree.SubElement(diff, "version")
    start = etree.SubElement(version, "source", source.version.attributes())
    etree.SubElement(version, "target", target.attributes())
    if not guard_status:
        del start.attrib["num_updates"]
    if attributes := head_attributes(changes):
        diff.append(head_change(source.head, {**source.head, **attributes}))
    text = b"".join(etree.tostring(change, with_tail=False) for change in configuration_changes(changes))
    return etree.tostring(diff).removesuffix(b"</diff>") + text + b"</diff>"


def head_attributes(changes: etree._Element) -> dict[str, str]:
    """The attributes that a patchset gives the cib element, validate-with above all."""
    entries = changes.iterfind("change[@path='/cib']/change-list/change-attr[@operation='set']")
    return {entry.get("name", ""): entry.get("value", "") for entry in entries}


def configuration_changes(changes: etree._Element) -> list[etree._Element]:
    """The other changes of a patchset."""
    return [change for change in changes.iterchildren("change") if change.get("path") != "/cib"]


def head_change(before: Mapping[str, str], after: Mapping[str, str]) -> etree._Element:
    """The change of the cib element's attributes, as Pacemaker has it: those that differ, and all that it has then."""
    change = etree.Element("change", {"operation": "modify", "path": "/cib"})
    renewed = etree.SubElement(change, "change-list")
    for name, value in after.items():
        if before.get(name) != value:
            etree.SubElement(renewed, "change-attr", {"name": name, "operation": "set", "value": value})
    etree.SubElement(etree.SubElement(change, "change-result"), "cib", dict(after))
    return change


def rejection(snapshot: Snapshot, changes: etree._Element, words: str) -> str:
    """Why Pacemaker refused `changes` to `snapshot`: its own words, and what its schema finds in the result."""
    target = snapshot.version.after_configuration_change()
    try:
        placed = document.parse_element(place(changes, snapshot, target, guard_status=True))
        details = schemas.faults(snapshot.advance(placed))
    except (CibError, PatchError) as error:
        details = str(error)
    return f"Pacemaker refused the change: {words}" + (f" ({details})" if details else "")


def parse_changes(patchset: bytes) -> etree._Element:
    """The `diff` element of a format-2 patchset, with versions or without. Raises CibError, PatchError."""
    diff = document.parse_element(patchset, "the patchset")
    if diff.tag != "diff" or diff.get("format") != "2":
        raise PatchError(f"a <{diff.tag!s}> of format {diff.get('format', '1')} is no patchset of format 2")
    return diff
