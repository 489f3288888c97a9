"""A listener with a port for certificates and one for passwords, in a process of its own.

Cyrus SASL is set up once in the life of a process, and a test run has spoken it already. Arguments: certificate, key, CA,
users file. Prints its two ports, as one line of JSON, and answers requests to direct address `whoami` with who asks.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from qmfagent.bus.listener.endpoint import Endpoint
from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.security.identity import Identity
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.qmf.message import DIRECT, RESPONSE, Address, Message


async def serve(tls: TlsConfig, users: Path) -> None:
    def answer(request: Message, identity: Identity) -> None:
        assert request.reply_to is not None
        body = {"user": identity.user, "authenticated": identity.authenticated}
        listener.send(Message(request.reply_to, "_method_response", method=RESPONSE, body=body, agent="whoami"))

    listener = Listener(
        "amqps://localhost:0",
        tls=tls,
        more=[Endpoint("amqps://localhost:0", tls, users)],
        addresses=[Address(DIRECT, "whoami")],
        on_message=answer,
    )
    await listener.start()
    print(json.dumps(listener.ports), flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the test closes it
    await listener.stop()


if __name__ == "__main__":
    certificate, key, ca, users = map(Path, sys.argv[1:])
    asyncio.run(serve(TlsConfig(certificate, key, ca), users))
