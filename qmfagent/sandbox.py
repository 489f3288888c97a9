"""Runs XSLT steps in a process of their own, with limits that a stylesheet cannot talk its way out of.

Rules of this file: libxslt can be kept from files and network, but not from looping or growing; only the kernel can stop
that. The process has a bound on CPU time, memory and the size of its result, and is killed when the clock runs out.
"""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Sequence
from multiprocessing.connection import Connection

from qmfagent.cib.document import MAX_BYTES
from qmfagent.cib.transform import Stylesheet, transform
from qmfagent.errors import InputError, TransformError

SECONDS = 10
MEMORY_BYTES = 2 * 1024 * 1024 * 1024

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["qmfagent.cib.transform"])


def transform_limited(
    steps: Sequence[Stylesheet], data: bytes, seconds: int = SECONDS, memory: int = MEMORY_BYTES
) -> bytes:
    """Do as qmfagent.cib.transform.transform, within `seconds` and `memory` (bytes).

    Raises TransformError as it does, and where a limit was reached.
    """
    receiver, sender = _context.Pipe(duplex=False)
    process = _context.Process(target=_child, args=(sender, list(steps), data, seconds, memory), daemon=True)
    process.start()
    sender.close()
    names = ", ".join(step.name for step in steps)
    try:
        if not receiver.poll(seconds):
            raise TransformError(f"{names}: still running after {seconds} s, and was stopped")
        succeeded, result = receiver.recv()
    except (EOFError, OSError):
        raise TransformError(f"{names}: stopped by its limits ({seconds} s, {memory:,} bytes)") from None
    finally:
        process.kill()
        process.join()
        receiver.close()
    if not succeeded:
        raise TransformError(result)
    if len(result) > MAX_BYTES:
        raise TransformError(f"{names}: the result has {len(result):,} bytes, more than the {MAX_BYTES:,} accepted")
    return bytes(result)


def _child(sender: Connection, steps: list[Stylesheet], data: bytes, seconds: int, memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sender.send((True, transform(steps, data)))
    except InputError as error:
        sender.send((False, str(error)))
    except MemoryError:
        sender.send((False, f"{steps[0].name}: it needs more than {memory:,} bytes of memory"))
