"""`[limits]`: how much one peer of the agent's listener may take."""

from __future__ import annotations

from qmfagent.bus.limits.limits import KIB, MIB, Limits
from qmfagent.config.table import Table

USUAL = Limits(max_message_size=16 * MIB)
"""What holds where the file says nothing."""


def read_limits(table: Table) -> Limits:
    """Read the section. Raises ConfigError."""
    table.only("connections", "message_bytes", "request_bytes", "requests_per_second", "queue_messages", "queue_bytes")
    return Limits(
        max_connections=table.number("connections", USUAL.max_connections, 1, 100_000),
        max_message_size=table.number("message_bytes", USUAL.max_message_size, 64 * KIB, 1024 * MIB, "bytes"),
        request_bytes=table.number("request_bytes", USUAL.request_bytes, 4 * KIB, 1024 * MIB, "bytes"),
        requests_per_second=table.number("requests_per_second", USUAL.requests_per_second, 1, 1_000_000),
        queue_messages=table.number("queue_messages", USUAL.queue_messages, 10, 1_000_000, "messages"),
        queue_bytes=table.number("queue_bytes", USUAL.queue_bytes, 64 * KIB, 1024 * MIB, "bytes"),
    )
