"""Traces: what ties an edit or a request to everything that came of it, here and at other sites.

Rules of this file: it knows no library. A span belongs to the task that works on it, and to what that task awaits or starts;
nothing has to hand it on. Without a tracer nothing is timed or told, and the traceparent that came in goes out again, so that
the spans of other sites stay together; where none came in, one is made up.
Source: W3C Trace Context, "traceparent Header".
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

Value = str | int | tuple[str, ...]
"""What can be told of a span: ids, names, numbers; never what is in a configuration."""


class Kind(Enum):
    """What begins a span: work of this task, the request of another agent or console, or what it was woken by."""

    INTERNAL = "internal"
    SERVER = "server"
    CONSUMER = "consumer"


class Span(Protocol):
    """Something that is worked on."""

    @property
    def traceparent(self) -> str:
        """Its trace and its own id."""

    def note(self, values: Mapping[str, Value]) -> None:
        """Tell more of it."""

    def failed(self, reason: str) -> None:
        """It did not succeed, for a reason with a name."""

    def end(self) -> None:
        """It is over."""


class Tracer(Protocol):
    """Who is told of spans."""

    def start(self, name: str, parent: str, kind: Kind) -> Span:
        """Begin a span below a traceparent, or a trace of its own where that is empty."""


@dataclass(frozen=True, slots=True)
class _PassedOn:
    """A span that nobody is told of."""

    traceparent: str

    def note(self, values: Mapping[str, Value]) -> None:
        """Nothing."""

    def failed(self, reason: str) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class _NoTracer:
    """The tracer where nobody is told."""

    def start(self, name: str, parent: str, kind: Kind) -> Span:
        """The parent, or one that is made up."""
        return _PassedOn(parent or _made_up())


_NOBODY = _NoTracer()
_tracer: ContextVar[Tracer] = ContextVar("tracer", default=_NOBODY)
_running: ContextVar[Span | None] = ContextVar("span", default=None)


def use(tracer: Tracer) -> None:
    """Have `tracer` told of the spans of the running task, and of those that it starts, from now on."""
    _tracer.set(tracer)


@contextmanager
def span(name: str, parent: str = "", *, kind: Kind = Kind.INTERNAL, **values: Value) -> Iterator[None]:
    """What is done inside is one span: below `parent`, a traceparent, or else below the span of the running task.

    `values` are told with it, but for empty texts. An exception marks it as failed, and goes on.
    """
    begun = _tracer.get().start(name, _read(parent) or current_traceparent(), kind)
    token = _running.set(begun)
    try:
        note(**values)
        yield
    except BaseException as error:
        fail(error)
        raise
    finally:
        _running.reset(token)
        begun.end()


@contextmanager
def continuing(traceparent: str) -> Iterator[None]:
    """What is done inside belongs to the span of a traceparent, which runs elsewhere; to none where it names none."""
    read = _read(traceparent)
    token = _running.set(_PassedOn(read) if read else None)
    try:
        yield
    finally:
        _running.reset(token)


def note(**values: Value) -> None:
    """Tell more of the running span, if there is one."""
    running = _running.get()
    if running is not None:
        running.note({key: value for key, value in values.items() if value != ""})


def fail(error: BaseException) -> None:
    """The running span did not succeed, although no exception may leave it."""
    running = _running.get()
    if running is not None:
        reason = getattr(error, "reason", "")
        running.failed(reason if reason and isinstance(reason, str) else type(error).__name__)


def trace_of(traceparent: str = "") -> str:
    """The trace id in a traceparent, 32 hexadecimal digits; a new one where that is none."""
    return (_read(traceparent) or _made_up())[3:35]


def current_traceparent() -> str:
    """The traceparent of the span of the running task; empty where there is none."""
    running = _running.get()
    return running.traceparent if running is not None else ""


def current_trace() -> str:
    """The id of the trace that the running task belongs to; a new one where it belongs to none."""
    return trace_of(current_traceparent())


def outgoing_traceparent() -> str:
    """The traceparent of a request that the running task makes."""
    return current_traceparent() or _made_up()


def _read(traceparent: str) -> str:
    """A traceparent in the form of version 00; empty where it is none."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return f"00-{found[1]}-{found[2]}-{int(found[3], 16) & 1:02x}" if found else ""


def _made_up() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
