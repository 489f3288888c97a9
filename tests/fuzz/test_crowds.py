"""A thousand connections that say nothing, or half of what they should: others are served, and nothing of them stays."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.raw_client import RawClient
from tests.fuzz.recording import AMQP, ANONYMOUS, SASL
from tests.fuzz.target import Target
from tests.sites.pair import until

CROWD = 1000
DESCRIPTORS = 4 * CROWD
"""Both ends of every connection are in this process, and a limit that stopped them early would look like a success."""
LOST = 128
"""Bytes of each connection that would be seen if they stayed behind: a task or a handler is several times larger."""
MOST = 20
DEAREST = 30.0
"""Seconds of the processor's time for one crowd."""

SILENT = b""
HALF_AN_OPEN = SASL + ANONYMOUS + AMQP + bytes.fromhex("00000055 02000000 005310c0 48")


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Leave to open as many files as the crowd needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        pytest.skip(f"{DESCRIPTORS} descriptors are needed, and {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, DESCRIPTORS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def short_log(caplog: pytest.LogCaptureFixture) -> None:
    """Leave out what is logged of every connection: pytest would keep it, and grow."""
    caplog.set_level(logging.WARNING, "qmfagent")


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def crowd(target: Target, words: bytes) -> None:
    """Let the crowd come, all at once, while one console is there and another comes; then let it go."""
    before, tasks = open_descriptors(), len(asyncio.all_tasks())
    members = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", target.port) for _ in range(CROWD)))
    assert open_descriptors() >= before + CROWD
    for _, writer in members:
        writer.write(words)
    await target.healthy()
    async with await RawClient.connect(target.port):
        await target.healthy()
    limit = target.listener.limits.max_connections
    await until(lambda: len(target.listener._peers) <= limit, f"no more than {limit} peers")
    for _, writer in members:
        writer.transport.abort()
    await target.at_rest()
    await until(lambda: len(asyncio.all_tasks()) <= tasks, f"{tasks} tasks, but {asyncio.all_tasks()}")
    await until(lambda: open_descriptors() <= before, f"{before} descriptors, but {open_descriptors()}")


@pytest.mark.usefixtures("descriptors", "short_log")
@pytest.mark.parametrize("words", [SILENT, HALF_AN_OPEN], ids=["silent", "half an open"])
def test_a_crowd_that_says_nothing(target: Target, words: bytes) -> None:
    sizes = []
    # The first crowds make the process as large as a crowd makes it; what is lost is lost again with each.
    for _ in range(MOST):
        begun = time.process_time()
        target.run(crowd(target, words))
        assert time.process_time() - begun < DEAREST
        sizes.append(resident_bytes())
        if len(sizes) > 1 and sizes[-1] - sizes[-2] < CROWD * LOST:
            break
    else:
        pytest.fail(f"{CROWD * LOST} bytes and more with each crowd: {sizes}")


@pytest.mark.usefixtures("descriptors")
def test_a_crowd_too_large_for_its_limit_is_told_so(target: Target) -> None:
    limit = target.listener.limits.max_connections

    async def come() -> None:
        served = [await RawClient.connect(target.port) for _ in range(limit - len(target.listener._peers))]
        for _ in range(3):
            refused = await RawClient.connect(target.port)
            await refused.until(lambda: False)
            assert refused.ends == ["amqp:resource-limit-exceeded"]
        await target.healthy()
        for client in served:
            await client.drop()
        await target.at_rest()

    target.run(come())
