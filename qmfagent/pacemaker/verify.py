"""crm_verify(8): what Pacemaker's scheduler finds wrong with a configuration, beyond its schema.

Rules of this file: the configuration is handed over through standard input, never asked for, and without the status, so that
what is found belongs to the configuration alone. The schema is not crm_verify's to judge here: loading it takes twice as long
as all else it does, and this process has it compiled (schemas.py). It is told none wherever it would not transform the
CIB first. Only what crm_verify does not say of the present configuration too is told. It quotes ids and the options
that the scheduler reads, never parameters of agents (Pacemaker 2.1, lib/pengine and lib/pacemaker).
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from xml.sax.saxutils import quoteattr

from lxml import etree

from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import ClusterError
from qmfagent.pacemaker import schemas
from qmfagent.pacemaker.spare import SpareTool
from qmfagent.pacemaker.tools import OK, SCHEMA_VALIDATION

LIMIT = 30.0
"""Seconds for one run."""

Finding = tuple[str, str]
"""A severity (error or warning), and what crm_verify says."""

_COMMAND = ("crm_verify", "--xml-pipe", "--verbose")
_LINE = re.compile(r"^(?:\([^)\n]*\)\s+)?(error|warning): (.+)$", re.MULTILINE)
_KEPT = 8
_AT_ONCE = 2


class CrmVerify:
    """Runs crm_verify on CIBs that it is given; what it found of the last ones is kept."""

    def __init__(self, limit: float = LIMIT) -> None:
        """`limit` is in seconds."""
        self._tool = SpareTool(_COMMAND, limit)
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._found: OrderedDict[str, tuple[Finding, ...]] = OrderedDict()

    async def new_findings(self, target: Snapshot, candidate: Snapshot) -> tuple[Finding, ...]:
        """What crm_verify finds in the candidate that it does not find in the target.

        Raises ClusterError where it can't be run, fails or takes too long.
        """
        found = await self._findings(candidate)
        if not found:
            return ()
        known = frozenset(await self._findings(target))
        return tuple(finding for finding in found if finding not in known)

    async def stop(self) -> None:
        """Let nothing wait for a CIB any more."""
        await self._tool.stop()

    async def _findings(self, snapshot: Snapshot) -> tuple[Finding, ...]:
        key, document = await asyncio.to_thread(lambda: (_key(snapshot), _document(snapshot)))
        found = self._found.get(key)
        if found is None:
            async with self._at_once:
                code, output, words = await self._tool.run(document)
            if code not in (OK, SCHEMA_VALIDATION):
                raise ClusterError(f"crm_verify: exit {code}")
            found = self._found[key] = _read(code, f"{words}\n{output.decode(errors='replace')}")
            if len(self._found) > _KEPT:
                self._found.popitem(last=False)
        return found


def _key(snapshot: Snapshot) -> str:
    return f"{snapshot.validate_with} {snapshot.config_digest}"


def _document(snapshot: Snapshot) -> bytes:
    head = dict(snapshot.head)
    if schemas.is_current(snapshot.validate_with):
        head["validate-with"] = "none"
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in head.items())
    return f"<cib{attributes}>".encode() + etree.tostring(snapshot.configuration) + b"<status/></cib>"


def _read(code: int, text: str) -> tuple[Finding, ...]:
    found = tuple(dict.fromkeys((line[1], line[2].strip()) for line in _LINE.finditer(text)))
    if code != OK and not found:
        return (("error", "crm_verify finds the configuration not valid, and does not say why"),)
    return found
