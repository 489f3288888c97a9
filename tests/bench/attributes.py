"""Updates of a transient attribute on a live CIB, and a process that takes each notification as text and does nothing more.

    python -m tests.bench.attributes update RATE COUNT    COUNT new values of NAME, RATE a second
    python -m tests.bench.attributes watch                until it is killed

Rules of this file: both sign on with the agent's own binding of libcib, and are started inside a site of the lab. The
attribute is there already (attrd_updater(8)); its value is changed beside attrd, which could not keep up.
"""

from __future__ import annotations

import asyncio
import sys
import time

from qmfagent.cib.document import element_path
from qmfagent.cib.snapshot import Snapshot
from qmfagent.pacemaker.connection import CibConnection
from qmfagent.pacemaker.libcib import NOTIFY_FUNCTION, Libcib

NAME = "qmfagent-bench"


async def update(rate: float, count: int) -> None:
    """Change the value `count` times, at `rate` a second, and say how long it took (s)."""
    connection = CibConnection(Libcib(), "bench", lambda: connection.inbox.clear(), lambda: None)
    connection.start()
    await connection.signon()
    snapshot = Snapshot.parse(await connection.query())
    assert snapshot.status is not None
    pair = next(each for each in snapshot.status.iter("nvpair") if each.get("name") == NAME)
    path, identifier = element_path(pair), pair.get("id")
    start = time.monotonic()
    for number in range(1, count + 1):
        patchset = (
            f'<diff format="2"><change operation="modify" path="{path}"><change-list>'
            f'<change-attr name="value" operation="set" value="{number}"/></change-list><change-result>'
            f'<nvpair id="{identifier}" name="{NAME}" value="{number}"/></change-result></change></diff>'
        )
        assert await connection.patch(patchset.encode()) == 0
        await asyncio.sleep(start + number / rate - time.monotonic())
    print(time.monotonic() - start)
    await connection.stop()


def watch() -> None:
    """Hear of every change, as text: who does not take that does not know what has changed."""
    library = Libcib()

    def hear(event: bytes, message: int) -> None:
        library.text(message)

    heard = NOTIFY_FUNCTION(hear)
    connection = library.new()
    assert library.signon(connection, "watch") == 0
    library.on_change(connection, b"cib_diff_notify", heard)
    print("watching", flush=True)
    while True:
        library.iterate()


if __name__ == "__main__":
    if sys.argv[1] == "update":
        asyncio.run(update(float(sys.argv[2]), int(sys.argv[3])))
    else:
        watch()
