"""How much one peer may take.

Rules of this file: sizes are bytes, times are seconds. Every limit but that of connections holds for one connection or
one link, so that a peer that exceeds it loses only what is its own.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of AMQP connections.

    `max_message_size` bounds a received message, `max_frame_size` a received frame. `idle_timeout` is how long a peer
    may stay silent before its connection is closed (we tell it to send at least twice as often), `open_timeout` how
    long it may take to get through TCP, TLS, SASL and AMQP's open. `max_links` and `max_sessions` bound what it may
    attach. `credit` is how many messages a sender may have under way to us on one link. `queue_messages` and
    `queue_bytes` bound what waits for a slow receiver on one link; `window` is how much of it the engine may hold
    ready for the socket. `max_connections` is how many connections a listener serves at a time. `request_bytes` bounds a
    request to the agent itself, `requests_per_second` how many of them one connection may send.
    """

    max_message_size: int = 64 * MIB
    max_frame_size: int = 64 * KIB
    idle_timeout: float = 10.0
    open_timeout: float = 10.0
    max_links: int = 256
    max_sessions: int = 16
    credit: int = 200
    queue_messages: int = 1000
    queue_bytes: int = 16 * MIB
    window: int = 1 * MIB
    max_connections: int = 512
    request_bytes: int = 1 * MIB
    requests_per_second: int = 10_000
