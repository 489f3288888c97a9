"""Runs XSLT steps in a process of their own, with limits that a stylesheet cannot talk its way out of.

Rules of this file: libxslt can be kept from files and network, but not from looping or growing; only the kernel can stop
that. The process has a bound on CPU time, memory and the size of its result, and is killed when the clock runs out. What
comes back from it is bytes and nothing else: nothing that a subverted process sends is ever evaluated.
"""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Sequence
from multiprocessing.connection import Connection

from qmfagent.cib.document import MAX_BYTES
from qmfagent.cib.mangling.transform import Stylesheet, transform
from qmfagent.errors import InputError, TransformError

SECONDS = 10
MEMORY_BYTES = 2 * 1024 * 1024 * 1024

# The first byte of what the process sends: a document, or a message for people.
_DONE, _FAILED = b"+", b"-"

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["qmfagent.cib.mangling.transform"])


def transform_limited(
    steps: Sequence[Stylesheet], data: bytes, seconds: int = SECONDS, memory: int = MEMORY_BYTES
) -> bytes:
    """Do as qmfagent.cib.mangling.transform.transform, within `seconds` and `memory` (bytes).

    Raises TransformError as it does, and where a limit was reached.
    """
    names = ", ".join(step.name for step in steps)
    receiver, sender = _context.Pipe(duplex=False)
    process = _context.Process(target=_child, args=(sender, list(steps), data, seconds, memory), daemon=True)
    try:
        process.start()
    except OSError as error:
        receiver.close()
        raise TransformError(f"{names}: no process could be started for it: {error.strerror}") from None
    finally:
        sender.close()
    try:
        if not receiver.poll(seconds):
            raise TransformError(f"{names}: still running after {seconds} s, and was stopped")
        outcome = receiver.recv_bytes(MAX_BYTES + 1)
    except (EOFError, OSError):
        raise TransformError(f"{names}: stopped by its limits ({seconds} s, {memory:,} bytes)") from None
    finally:
        process.kill()
        process.join()
        receiver.close()
    if not outcome.startswith(_DONE):
        raise TransformError(outcome[1:].decode(errors="replace"))
    return outcome[1:]


def _child(sender: Connection, steps: list[Stylesheet], data: bytes, seconds: int, memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sender.send_bytes(_outcome(steps, data, memory))


def _outcome(steps: list[Stylesheet], data: bytes, memory: int) -> bytes:
    names = ", ".join(step.name for step in steps)
    try:
        result = transform(steps, data)
    except InputError as error:
        return _FAILED + str(error).encode()
    except MemoryError:
        return _FAILED + f"{names}: it needs more than {memory:,} bytes of memory".encode()
    if len(result) > MAX_BYTES:
        return _FAILED + f"{names}: the result has more than the {MAX_BYTES:,} bytes that are accepted".encode()
    return _DONE + result
