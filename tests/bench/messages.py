"""Requests and answers a second of a whole agent, against a bare echo of as many bytes.

Rules of this file: ours is an agent's process as an administrator starts it, and a console's session: QMF, schema, access, the
CIB and everything else between them. Theirs has the same bytes as bodies, and does not look into them. Both run in turns; the
fastest of all rounds counts, since what else runs on the machine only takes away from it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from qmfagent.bus.console.session import ConsoleSession
from qmfagent.qmf import codec
from qmfagent.qmf.console import Console
from tests.bench import bare_echo
from tests.bench.bare_echo import OUTSTANDING
from tests.bench.cibs import cib
from tests.bench.file_agent import SITE, file_agent
from tests.bench.result import Result

REQUESTS = 50 * OUTSTANDING
ROUNDS = 4
_PATH = "configuration/resources/primitive[@id='r6']"
_SITE_OBJECT, _RESOURCE = f"Site:{SITE}", "Resource:r6"

Ask = Callable[[ConsoleSession, str], Awaitable[Any]]


def run() -> list[Result]:
    """Method calls and queries, and queries where there is much to choose from."""
    with file_agent(cib(10)) as agent:
        calls = _rates(agent.url, _call, _call_bytes)
        queries = _rates(agent.url, _query, _query_bytes)
    with file_agent(cib(10_000)) as agent:
        among_many = _rates(agent.url, _query, _query_bytes)
    return [
        Result(f"method calls a second, {OUTSTANDING} outstanding / bare echo", *calls, "1/s", 0.6, at_least=True),
        Result("queries of one object a second / bare echo", *queries, "1/s", 0.6, at_least=True),
        Result("queries of one object of 10,000 a second / bare echo", *among_many, "1/s", 0.5, at_least=True),
    ]


async def _call(session: ConsoleSession, agent: str) -> Any:
    return await session.call(agent, _SITE_OBJECT, "query", {"path": _PATH})


async def _query(session: ConsoleSession, agent: str) -> Any:
    (found,) = await session.query(agent, object_name=_RESOURCE)
    return found


def _call_bytes(agent: str, answer: Any) -> tuple[bytes, bytes]:
    _, request = Console().call(agent, _SITE_OBJECT, "query", {"path": _PATH})
    assert isinstance(request.body, dict)
    return codec.encode_map(request.body), codec.encode_map({"_arguments": answer})


def _query_bytes(agent: str, answer: Any) -> tuple[bytes, bytes]:
    _, request = Console().query_objects(agent, object_name=_RESOURCE)
    assert isinstance(request.body, dict)
    return codec.encode_map(request.body), codec.encode_list([answer.to_map(agent)])


def _rates(url: str, ask: Ask, bodies: Callable[[str, Any], tuple[bytes, bytes]]) -> tuple[float, float]:
    """Answered requests a second, ours and theirs."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        fast, agent, answer = asyncio.run(_rate(url, ask))
        ours.append(fast)
        theirs.append(bare_echo.rate(*bodies(agent, answer), REQUESTS))
    return max(ours), max(theirs)


async def _rate(url: str, ask: Ask) -> tuple[float, str, Any]:
    """Answered requests a second, the agent's name, and an answer."""
    async with ConsoleSession(url) as session:
        agent = (await session.wait_agent()).name
        answer = await ask(session, agent)

        async def keep_asking() -> None:
            for _ in range(REQUESTS // OUTSTANDING):
                assert await ask(session, agent) == answer

        started = time.perf_counter()
        await asyncio.gather(*(keep_asking() for _ in range(OUTSTANDING)))
        return REQUESTS / (time.perf_counter() - started), agent, answer
