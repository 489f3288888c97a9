"""A CIB in a file, with no cluster: read, watched and written as Pacemaker's tools do with CIB_file.

Rules of this file: the versions move as Pacemaker moves them (a configuration change raises epoch and zeroes num_updates,
a ticket raises num_updates alone) and a configuration change notes its writer; a file that is torn or malformed for the
moment is logged and passed over, the last good snapshot stays; the cib.xml of a real cluster, known by the digest in a
.sig file beside it, is never written, since Pacemaker would refuse it at its next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import pwd
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from lxml import etree
from watchfiles import awatch

from qmfagent.cib import document
from qmfagent.cib.change import CibChange
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import CibError, ClusterError, Disconnected, PatchError, WriteRejected
from qmfagent.pacemaker import atomic, schemas, tickets, write
from qmfagent.pacemaker.feed import FedStore
from qmfagent.pacemaker.tools import TicketAction

_LOG = logging.getLogger(__name__)
_DEBOUNCE_MS = 50
# Looked at once a second besides, for file systems that tell nothing and for what happens before the watch begins.
_LOOK_MS = 1000
_WRITER = ("cib-last-written", "update-origin", "update-client", "update-user")


class FileCib(FedStore):
    """Store of a CIB file. See the package's docstring for the shape of a store."""

    source = "file"

    def __init__(self, path: Path, client: str = "qmfagent") -> None:
        """`path` is the file, its symbolic links followed; `client` is the name noted with our writes."""
        super().__init__(client)
        self._path = path.resolve()
        self._busy = asyncio.Lock()
        self._signature: atomic.Signature | None = None
        self._seen = b""  # SHA-256 of the file as it was last read, good or bad
        self._good = b""  # SHA-256 of the file that the newest snapshot stands for
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the file and begin to watch it; a missing or malformed one is waited for.

        Raises ClusterError where its directory doesn't exist.
        """
        if not self._path.parent.is_dir():
            raise ClusterError(f"there is no directory {self._path.parent} to hold the CIB {self._path.name}")
        await self._look()
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop watching and end all readers."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._feed.end()

    async def apply(self, patchset: bytes, expected_config_digest: str) -> Version:
        """Apply a format-2 patchset as one write; its versions, if any, are replaced. Returns the version written.

        A patchset without changes writes nothing. Raises Disconnected, ConfigurationChanged (plan again),
        WriteRejected (the schema is against it, or it doesn't fit), ClusterError; nothing is written then.
        """
        changes = write.parse_changes(patchset)

        def revise(before: Snapshot) -> etree._Element | None:
            write.check_precondition(before, expected_config_digest)
            if changes.find("change") is None:
                return None
            target = before.version.after_configuration_change()
            head = {**before.head, **write.head_attributes(changes), **target.attributes(), **self._writer()}
            return _patchset(before, target, head, write.configuration_changes(changes))

        return await self._revise(revise, self.client)

    async def ticket(self, name: str, action: TicketAction) -> None:
        """Change a ticket's state as crm_ticket does. Raises Disconnected, WriteRejected or ClusterError."""

        def revise(before: Snapshot) -> etree._Element | None:
            changes = tickets.changes(before, name, action, int(time.time()))
            target = before.version.after_status_change()
            return _patchset(before, target, {**before.head, **target.attributes()}, changes) if changes else None

        await self._revise(revise, "")

    async def _revise(self, revise: Callable[[Snapshot], etree._Element | None], client: str) -> Version:
        async with self._busy:
            known = self._feed.snapshot
            before, patchset, after, digest = await asyncio.to_thread(self._rewrite, revise)
            if patchset is not None:
                # Here and not in the worker thread, whose caller may be cancelled: digest and snapshot go together.
                self._seen = self._good = digest
                self._feed.publish(
                    CibChange(
                        after,
                        patchset=etree.tostring(patchset) if before is known else None,
                        client=client,
                        user=after.head["update-user"] if client else "",
                        origin=after.head["update-origin"] if client else "",
                    )
                )
            return after.version

    def _rewrite(
        self, revise: Callable[[Snapshot], etree._Element | None]
    ) -> tuple[Snapshot, etree._Element | None, Snapshot, bytes]:
        """Under the lock: read, revise, validate, write. Runs in a worker thread.

        Gives the snapshot before, the patchset (None where there was nothing to write), the snapshot after, and the
        SHA-256 of what was written.
        """
        try:
            with atomic.locked(self._path):
                before = self._read()
                patchset = revise(before)
                if patchset is None:
                    return before, None, before, b""
                after = before.advance(patchset)
                if problem := schemas.faults(after):
                    raise WriteRejected(f"{self._path} would not be valid: {problem}")
                if self._path.with_name(f"{self._path.name}.sig").exists():
                    raise WriteRejected(
                        f"{self._path} is the cib.xml of a cluster, for it has a digest in {self._path.name}.sig",
                        hint="let the agent talk to the running cluster instead",
                    )
                data = document.pretty(after.to_element())
                atomic.replace(self._path, data)
                return before, patchset, after, _sha256(data)
        except FileNotFoundError:
            raise Disconnected(f"there is no file {self._path}") from None
        except OSError as error:
            raise ClusterError(f"{self._path} can't be written: {error.strerror}") from None
        except CibError as error:
            raise ClusterError(f"{self._path} can't be changed: {error}") from None
        except PatchError as error:
            raise WriteRejected(f"{self._path}: the change does not fit: {error}") from None

    def _read(self) -> Snapshot:
        known, data = self._feed.snapshot, self._path.read_bytes()
        if known is not None and _sha256(data) == self._good:
            return known
        return Snapshot.parse(data, str(self._path))

    def _writer(self) -> dict[str, str]:
        values = (time.ctime(), os.uname().nodename, self.client, _user())
        return dict(zip(_WRITER, values, strict=True))

    async def _watch(self) -> None:
        try:
            async for told in awatch(
                self._path.parent,
                watch_filter=lambda _, changed: Path(changed).name == self._path.name,
                debounce=_DEBOUNCE_MS,
                step=10,
                rust_timeout=_LOOK_MS,
                yield_on_timeout=True,
                recursive=False,
            ):
                await self._look(told=bool(told))
        except (OSError, RuntimeError) as error:
            _LOG.warning(
                "%s can't be watched, and is looked at once a second instead: %s; is fs.inotify.max_user_instances too low?",
                self._path,
                error,
            )
        while True:
            await asyncio.sleep(_LOOK_MS / 1000)
            await self._look()

    async def _look(self, *, told: bool = False) -> None:
        """Publish what the file has become, if it has changed since it was last seen; `told` when it was written to."""
        async with self._busy:
            try:
                signature = atomic.signature(self._path)
                # Two quick writes can leave the same signature, so what we are told of is read all the same.
                if signature == self._signature and not told:
                    return
                data = await asyncio.to_thread(self._path.read_bytes)
                self._signature = signature
                if (digest := _sha256(data)) == self._seen:
                    return
                self._seen = digest
                snapshot = await asyncio.to_thread(Snapshot.parse, data, str(self._path))
            except OSError as error:
                self._signature, self._seen = None, b""
                self._feed.lose(f"{self._path}: {error.strerror}")
            except CibError as error:
                _LOG.error("%s", error)
                if not self._feed.connected:
                    self._feed.lose(error.message)
            else:
                self._good = digest
                self._take(snapshot)

    def _take(self, snapshot: Snapshot) -> None:
        known = self._feed.snapshot
        if known is None or not self._feed.connected:
            self._feed.publish(CibChange(snapshot, resync=True))
        elif not _equal(known, snapshot):
            # The tools leave these attributes as they were; only a writer that renewed them is named by them.
            named = snapshot.head if any(known.head.get(a) != snapshot.head.get(a) for a in _WRITER) else {}
            self._feed.publish(
                CibChange(
                    snapshot,
                    client=named.get("update-client", ""),
                    user=named.get("update-user", ""),
                    origin=named.get("update-origin", ""),
                )
            )


def _patchset(
    before: Snapshot, target: Version, head: Mapping[str, str], changes: list[etree._Element]
) -> etree._Element:
    """The changes with their versions, preceded by the change of the cib element's own attributes, as Pacemaker has it."""
    diff = etree.Element("diff", {"format": "2"})
    version = etree.SubElement(diff, "version")
    etree.SubElement(version, "source", before.version.attributes())
    etree.SubElement(version, "target", target.attributes())
    diff.append(write.head_change(before.head, head))
    diff.extend([document.parse_element(etree.tostring(each)) for each in changes])
    return diff


def _equal(one: Snapshot, other: Snapshot) -> bool:
    return (
        one.head == other.head
        and one.config_digest == other.config_digest
        and _canonical(one.status) == _canonical(other.status)
    )


def _canonical(element: etree._Element | None) -> bytes:
    return b"" if element is None else document.canonical(element)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _user() -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return str(os.geteuid())
