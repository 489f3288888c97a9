"""Trace ids: what ties a request to everything that came of it, here and at other sites.

Rules of this file: a trace id is taken over from who asks, where it is one, and made up otherwise. It belongs to the task
that works on the request, and to what that task awaits; nothing has to hand it on.
Source: W3C Trace Context, "traceparent Header".
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")

_current: ContextVar[str] = ContextVar("trace_id", default="")


def trace_of(traceparent: str = "") -> str:
    """The trace id in a traceparent, 32 hexadecimal digits; a new one where that is none."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return found[1] if found else secrets.token_hex(16)


@contextmanager
def traced(trace_id: str) -> Iterator[None]:
    """What is done inside belongs to that trace."""
    token = _current.set(trace_id)
    try:
        yield
    finally:
        _current.reset(token)


def current_trace() -> str:
    """The id of the trace that the running task belongs to; a new one where it belongs to none."""
    return _current.get() or trace_of()


def outgoing_traceparent() -> str:
    """The traceparent of a request that the running task makes."""
    return f"00-{current_trace()}-{secrets.token_hex(8)}-01"
