"""Changes the status of a CIB again and again, and nothing of its configuration.

    python -m tests.contract.churn live | PATH  RATE  COUNT  [PADDING]

At most RATE changes a second, COUNT of them; prints "begun" as it begins. Each is one change of the ticket "churn"; on a
live CIB it weighs PADDING bytes more, since what a client may leave unread is counted in bytes first.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from qmfagent.pacemaker.connection import CibConnection
from qmfagent.pacemaker.file import FileCib
from qmfagent.pacemaker.libcib import Libcib

_CREATE = (
    b'<diff format="2"><change operation="create" path="/cib/status" position="99"><tickets>'
    b'<ticket_state id="churn"/></tickets></change></diff>'
)
_MODIFY = (
    '<diff format="2"><change operation="modify" path="/cib/status/tickets/ticket_state[@id=\'churn\']"><change-result>'
    '<ticket_state id="churn" standby="false" round="%d" padding="%s"/></change-result></change></diff>'
)


async def _live(pause: float, count: int, padding: int) -> None:
    connection = CibConnection(Libcib(), "churn", lambda: connection.inbox.clear(), lambda: None)
    connection.start()
    await connection.signon()
    if b'id="churn"' not in await connection.query():
        assert await connection.patch(_CREATE) == 0
    for number in range(count):
        code, _ = await asyncio.gather(
            connection.patch((_MODIFY % (number, "x" * padding)).encode()), asyncio.sleep(pause)
        )
        assert code == 0, connection.words(code)
    await connection.stop()


async def _file(path: Path, pause: float, count: int) -> None:
    store = FileCib(path, "churn")
    await store.start()
    for number in range(count):
        await asyncio.gather(store.ticket("churn", "activate" if number % 2 else "standby"), asyncio.sleep(pause))
    await store.stop()


def main(target: str, rate: str, count: str, padding: str = "0") -> None:
    """Carry out the command line."""
    print("begun", flush=True)
    pause = 1 / float(rate)
    asyncio.run(_live(pause, int(count), int(padding)) if target == "live" else _file(Path(target), pause, int(count)))


main(*sys.argv[1:])
