"""The live CIB, polled with cibadmin: for a cluster whose libcib this agent doesn't know.

Rules of this file: the version is asked for once a period and the whole CIB is read where it moved; so the changes in
between are told as one, and who made them is known of the last configuration change alone. What cibadmin writes for us
is marked as cibadmin's by Pacemaker; a change to exactly the version we wrote is told as ours.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from qmfagent.cib import document, patch
from qmfagent.cib.change import CibChange
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import CibError, ClusterError
from qmfagent.pacemaker import tools, write
from qmfagent.pacemaker.booth_config import NO_BOOTH, BoothConfigs
from qmfagent.pacemaker.feed import FedStore

_LOG = logging.getLogger(__name__)
_OUTCOMES = {
    tools.OK: write.Outcome.APPLIED,
    tools.ERROR: write.Outcome.MISFIT,
    tools.OLD: write.Outcome.MISFIT,
    tools.SCHEMA_VALIDATION: write.Outcome.REJECTED,
    tools.INSUFFICIENT_PRIVILEGES: write.Outcome.REJECTED,
}


class PolledCib(FedStore):
    """Store of the live CIB through the command-line tools. See the package's docstring for the shape of a store."""

    source = "tools"

    def __init__(self, client: str, period: float = 1.0, booth: BoothConfigs = NO_BOOTH) -> None:
        """`client` is the name under which our own writes are told; `period` is in seconds; `booth` is what booth manages."""
        super().__init__(client, booth)
        self._period = period
        self._reading = asyncio.Lock()
        self._written: Version | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the CIB; where the cluster is not there yet, return nonetheless and go on trying."""
        await self._poll()
        self._task = asyncio.create_task(self._keep_polling())

    async def stop(self) -> None:
        """Stop polling and end all readers."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._feed.end()

    async def apply(self, patchset: bytes, expected_config_digest: str) -> Version:
        """Apply a format-2 patchset as one write; see write.apply for its errors."""
        return await write.apply(self._feed, self._submit, self._read, patchset, expected_config_digest)

    async def ticket(self, name: str, action: tools.TicketAction) -> None:
        """Change a ticket and return once the snapshot shows it; see Tickets.change for its errors."""

        async def until(condition: Callable[[Snapshot], bool], seconds: float) -> bool:
            await self._read()
            return await self._feed.until(condition, seconds)

        await self._tickets.change(self._feed.current(), name, action, until)

    async def _submit(self, patchset: bytes) -> tuple[write.Outcome, str]:
        code, words = await self._tools.patch(patchset)
        if code not in _OUTCOMES:
            raise ClusterError(f"cibadmin did not apply the patch: exit {code}: {words}")
        if code == tools.OK:
            _, self._written = patch.versions(document.parse_element(patchset), self._feed.current().version)
            await self._read()
        return _OUTCOMES[code], words

    async def _keep_polling(self) -> None:
        while True:
            await asyncio.sleep(self._period)
            await self._poll()

    async def _poll(self) -> None:
        try:
            head = document.parse_element(await self._tools.head(), "the CIB")
            known = self._feed.snapshot
            version = Version.of({str(k): str(v) for k, v in head.attrib.items()})
            if not self._feed.connected or known is None or version != known.version:
                await self._read()
        except (ClusterError, CibError) as error:
            if self._feed.connected:
                _LOG.warning("the CIB can't be read: %s", error)
            self._feed.lose(error.message)

    async def _read(self) -> None:
        async with self._reading:
            snapshot = Snapshot.parse(await self._tools.query())
            known = self._feed.snapshot
            if not self._feed.connected or known is None:
                self._feed.publish(CibChange(snapshot, resync=True))
            elif snapshot.version != known.version:
                self._feed.publish(self._change(known, snapshot))

    def _change(self, before: Snapshot, after: Snapshot) -> CibChange:
        version = after.version
        if (version.admin_epoch, version.epoch) == (before.version.admin_epoch, before.version.epoch):
            return CibChange(after)
        ours = self._written
        own = ours is not None and (version.admin_epoch, version.epoch) == (ours.admin_epoch, ours.epoch)
        return CibChange(
            after,
            client=self.client if own else after.head.get("update-client", ""),
            user=after.head.get("update-user", ""),
            origin=after.head.get("update-origin", ""),
            resync=version.epoch > before.version.epoch + 1,
        )
