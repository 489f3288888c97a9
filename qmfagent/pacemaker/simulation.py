"""crm_simulate(8): what the scheduler makes of a CIB.

Rules of this file: the CIB is handed over, never asked for, so that no simulation can touch the cluster. What crm_simulate
keeps on disk meanwhile lies in a directory of its own that goes with it: a tool that is killed leaves its copy of the CIB
behind. Only so many run at once, and what waits too long is given up, so that a large CIB costs a plan its preview and no more.
Source: crm_simulate(8) of Pacemaker 2.1.5; CIB_shadow_dir: lib/cib/cib_utils.c, get_shadow_file.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence

from lxml import etree

from qmfagent.cib.simulation.preview import Preview, make_preview
from qmfagent.cib.simulation.simulation import Simulation, parse_simulation
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, ClusterError
from qmfagent.pacemaker.process import run
from qmfagent.pacemaker.tools import OK

PREVIEW_LIMIT, DRILL_LIMIT = 15.0, 60.0
"""Seconds for one preview, which somebody waits for, and for one drill, waiting for its turn included."""

_AT_ONCE = 2
_COMMAND = (
    "crm_simulate",
    "--run",
    "--xml-pipe",
    "--output-as=xml",
    "--show-scores",
    "--show-failcounts",
)


class CrmSimulate:
    """Runs crm_simulate on CIBs that it is given."""

    def __init__(self, preview_limit: float = PREVIEW_LIMIT, drill_limit: float = DRILL_LIMIT) -> None:
        """The limits are in seconds."""
        self._preview_limit = preview_limit
        self._drill_limit = drill_limit
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def preview(self, target: Snapshot, candidate: Snapshot) -> Preview:
        """What the cluster does when `target` becomes `candidate`; where that can't be told, a preview with the reason."""
        try:
            present, future = await self._both(self._preview_limit, (target, ()), (candidate, ()))
            return await asyncio.to_thread(make_preview, present, future, candidate)
        except (ClusterError, CibError) as error:
            return Preview(reason=error.message)

    async def grant(self, cib: Snapshot, ticket: str) -> tuple[Simulation, Simulation]:
        """What the cluster does with `cib` as it is, and with `ticket` granted and not in standby.

        Raises ClusterError where crm_simulate can't be run, fails or takes too long, and CibError where it is not understood.
        """
        granted = f"--ticket-grant={ticket}", f"--ticket-activate={ticket}"
        return await self._both(self._drill_limit, (cib, ()), (cib, granted))

    async def _both(
        self, limit: float, one: tuple[Snapshot, Sequence[str]], other: tuple[Snapshot, Sequence[str]]
    ) -> tuple[Simulation, Simulation]:
        """Two simulations side by side; where one fails, the other is given up."""
        tasks = [asyncio.create_task(self._simulate(limit, *each)) for each in (one, other)]
        try:
            async with asyncio.timeout(limit):
                first, second = await asyncio.gather(*tasks)
        except TimeoutError:
            raise ClusterError(f"crm_simulate has not come to an end within {limit:g} s") from None
        finally:
            # Not twice: that would cut short the wait for a tool that was killed.
            for task in tasks:
                if not task.cancelling():
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return first, second

    async def _simulate(self, limit: float, cib: Snapshot, options: Sequence[str]) -> Simulation:
        async with self._at_once:
            document = await asyncio.to_thread(lambda: etree.tostring(cib.to_element()))
            with tempfile.TemporaryDirectory(prefix="qmfagent-") as private:
                code, output, _ = await run([*_COMMAND, *options], document, limit, {"CIB_shadow_dir": private})
            if code != OK:
                raise _failure(code)
            return await asyncio.to_thread(parse_simulation, output, cib)


def _failure(code: int) -> ClusterError:
    """A simulation that came to nothing. What the tool says itself may quote the CIB, secrets too, and is told nobody."""
    if code < 0:
        # Seen with a crm_feature_set above its own: an assertion fails.
        hint = "this machine's Pacemaker may be older than the one that wrote the CIB"
        return ClusterError(f"crm_simulate: ended by signal {-code}", hint=hint)
    hint = "see what 'crm_verify --live-check --verbose' says at this site"
    return ClusterError(f"crm_simulate: exit {code}", hint=hint)
