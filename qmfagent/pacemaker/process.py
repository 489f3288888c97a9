"""How Pacemaker's tools are run.

Rules of this file: a command is a list of arguments, never a line for a shell; documents go through standard input;
every command has a time limit, and is killed when it is exceeded or when its caller is cancelled. Environment variables
that would point the tools at another CIB (CIB_file, CIB_shadow, ...) are taken away.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence

from qmfagent.errors import ClusterError

_NOTHING: Mapping[str, str] = {}
_PACKAGES = {"booth": "booth"}


async def run(
    command: Sequence[str], document: bytes | None, limit: float, environment: Mapping[str, str] = _NOTHING
) -> tuple[int, bytes, str]:
    """Run a tool, with `document` as its standard input: its exit code (negative: the signal that ended it), its output,
    and what it says on standard error.

    `limit` is in seconds; `environment` is set besides what this process has. Raises ClusterError where the tool can't
    be run or does not end in time.
    """
    return await finish(await start(command, document is not None, environment), command, document, limit)


async def start(
    command: Sequence[str], fed: bool, environment: Mapping[str, str] = _NOTHING
) -> asyncio.subprocess.Process:
    """Start a tool; with `fed` it waits for its standard input. `finish` or `end` has to follow. Raises ClusterError."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CIB_")}
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE if fed else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**inherited, "LC_ALL": "C", **environment},
        )
    except OSError as error:
        raise ClusterError(
            f"{command[0]} can't be run: {error.strerror}",
            hint=f"install {_PACKAGES.get(command[0], 'pacemaker-cli-utils')}",
        ) from None


async def finish(
    process: asyncio.subprocess.Process, command: Sequence[str], document: bytes | None, limit: float
) -> tuple[int, bytes, str]:
    """Let a tool that was started come to its end, as `run` does. Raises ClusterError where it does not in time."""
    try:
        async with asyncio.timeout(limit):
            output, errors = await process.communicate(document)
    except TimeoutError:
        raise ClusterError(f"{' '.join(command)}: no end after {limit:g} s") from None
    finally:
        await end(process)
    assert process.returncode is not None
    return process.returncode, output, errors.decode(errors="replace").strip()


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill a tool that has not ended."""
    if process.returncode is None:
        process.kill()
        await process.wait()
