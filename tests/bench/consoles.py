"""Many connections that receive, and count what they get: as little work as can be, so that the sender is measured.

    python -m tests.bench.consoles PORT

Rules of this file: proton opens each connection with one link, settled and with credit for everything; from then on bytes are
read and dropped. Standard output gets "ready", and for each line on standard input, once every connection has had a message
that contains the line, the time of the last one (CLOCK_MONOTONIC, in seconds). Nothing keeps the connections alive: what is
measured must be over within the listener's idle time-out.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time

import proton
from proton import Endpoint

from qmfagent.bus.connection.filters import write_subject
from qmfagent.qmf.message import TOPIC

CONNECTIONS = 100
SUBJECT = "agent.ind.event.#"
_CREDIT = 1_000_000


def receive(port: int) -> socket.socket:
    """A connection with a link that has credit."""
    peer = socket.create_connection(("127.0.0.1", port))
    connection, transport = proton.Connection(), proton.Transport()
    connection.container = f"bench-{peer.getsockname()[1]}"
    transport.bind(connection)
    connection.open()
    session = connection.session()
    session.open()
    link = session.receiver("events")
    link.source.address = TOPIC
    write_subject(link.source, SUBJECT)
    link.snd_settle_mode = proton.Link.SND_SETTLED
    link.open()
    while not link.state & Endpoint.REMOTE_ACTIVE:
        _send(peer, transport)
        transport.push(peer.recv(65536))
    link.flow(_CREDIT)
    _send(peer, transport)
    return peer


def _send(peer: socket.socket, transport: proton.Transport) -> None:
    while (pending := transport.pending()) > 0:
        peer.sendall(transport.peek(pending))
        transport.pop(pending)


def wait_for(mark: bytes, peers: list[socket.socket]) -> None:
    """Read until every one has had the mark."""
    with selectors.DefaultSelector() as selector:
        for peer in peers:
            selector.register(peer, selectors.EVENT_READ)
        kept = dict.fromkeys(peers, b"")
        while selector.get_map():
            for key, _ in selector.select():
                peer = key.fileobj
                assert isinstance(peer, socket.socket)
                data = kept[peer] + peer.recv(1 << 20)
                assert data != kept[peer], "the sender has closed a connection"
                if mark in data:
                    selector.unregister(peer)
                kept[peer] = data[-len(mark) :]


def main() -> None:
    """The entry point."""
    peers = [receive(int(sys.argv[1])) for _ in range(CONNECTIONS)]
    print("ready", flush=True)
    for line in sys.stdin:
        wait_for(line.strip().encode(), peers)
        print(time.monotonic(), flush=True)


if __name__ == "__main__":
    main()
