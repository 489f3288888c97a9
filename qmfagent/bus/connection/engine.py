"""One AMQP 1.0 connection: proton's protocol engine driven by asyncio.

Rules of this file: bytes from the socket go into the Transport, bytes out of it go to the socket, and what happens in
between is told to one ConnectionHandler. The engine knows no node, no message format and no policy. Nothing escapes
into the event loop: whatever goes wrong, in proton, in the handler or at the peer, ends this connection alone, and the
handler hears of the end exactly once. proton's wrapper objects are equal, not identical, from event to event; they
hold no reference to ours, because a cycle through proton's C objects is never collected.
Source: proton's engine API (Transport, Collector); AMQP 1.0 part 2 (transport), 2.4.5 (idle time-out).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import ParamSpec, cast

import proton
from proton import Condition, Endpoint, Event, EventType

from qmfagent.bus.connection.handler import ConnectionHandler
from qmfagent.bus.connection.links import Links
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.handshake import Handshake, condition_words
from qmfagent.bus.security.identity import Identity
from qmfagent.bus.security.reload import ReloadedDomain
from qmfagent.qmf.fields import shown

log = logging.getLogger(__name__)

CLOSE_TIMEOUT = 2.0

P = ParamSpec("P")


class Engine(asyncio.Protocol):
    """The asyncio side of one AMQP connection; an asyncio.Protocol, made for each socket."""

    def __init__(
        self,
        handler: ConnectionHandler,
        *,
        server: bool,
        container: str,
        limits: Limits,
        tls: ReloadedDomain | None = None,
        host: str = "",
        credentials: Credentials | None = None,
        passwords: bool = False,
    ) -> None:
        """Prepare a connection. `host` is the name a client asks for and checks the certificate against.

        With `credentials` a client proves who it is by SCRAM-SHA-256 or PLAIN, without them by its certificate (EXTERNAL)
        or, without TLS, not at all (ANONYMOUS). A server with `passwords` takes SCRAM-SHA-256 and PLAIN.
        """
        self.identity = Identity()
        self._handler = handler
        self._limits = limits
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._socket: asyncio.Transport | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._flush_due = False
        self._paused = False
        self._broken = False
        self._reason = ""
        self._finished = False

        self._collector = proton.Collector()
        self.connection = proton.Connection()
        self.connection.collect(self._collector)
        self.connection.container = container
        self._transport = proton.Transport(proton.Transport.SERVER if server else proton.Transport.CLIENT)
        self._transport.max_frame_size = limits.max_frame_size
        self._transport.idle_timeout = limits.idle_timeout
        self._transport.channel_max = limits.max_sessions - 1
        self._handshake = Handshake(
            self._transport,
            self.connection,
            server=server,
            tls=tls,
            host=host,
            credentials=credentials,
            passwords=passwords,
        )
        self._transport.bind(self.connection)
        self.links = Links(handler, limits, close=self.close, changed=self.schedule_flush)
        self._actions: dict[EventType, Callable[[Event], None]] = {
            Event.CONNECTION_REMOTE_OPEN: self._on_open,
            Event.CONNECTION_REMOTE_CLOSE: self._on_remote_close,
            Event.TRANSPORT_ERROR: self._on_transport_error,
            **self.links.actions,
        }

    # -- what the owner does ---------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the connection is over or about to be."""
        return self._finished or bool(self.connection.state & (Endpoint.LOCAL_CLOSED | Endpoint.REMOTE_CLOSED))

    @property
    def paused(self) -> bool:
        """Whether the socket takes no data at present, because the peer reads too slowly."""
        return self._paused

    def schedule_flush(self) -> None:
        """Send what the engine has to say at the next turn of the loop: many small changes, one write."""
        if not self._flush_due and not self._finished:
            self._flush_due = True
            self._loop.call_soon(self._flush_scheduled)

    def close(self, condition: Condition | None = None) -> None:
        """Close the connection in AMQP's way; the socket follows when the peer agrees, or after two seconds."""
        if self._finished:
            return
        if not self.connection.state & Endpoint.LOCAL_CLOSED:
            self.connection.condition = condition
            self._reason = self._reason or (condition_words(condition) if condition else "closed by us")
            self.connection.close()
        self._go_soon()
        self.schedule_flush()

    def abort(self, reason: str = "") -> None:
        """Drop the socket at once; with a `reason` also one that is not there yet, as soon as it is."""
        self._reason = self._reason or reason
        if self._socket is not None:
            self._socket.abort()

    # -- what asyncio calls ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start AMQP on a connected socket."""
        self._socket = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.identity = Identity(address=_address(peer))
        self._reason = self._reason or self._handshake.start(peer[0] if peer else "")
        if self._reason:
            self.abort()
            return
        self._timer("open", self._limits.open_timeout, self._open_timed_out)
        if not self._server:
            self.connection.open()
        self._guarded(self._pump)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket."""
        self._guarded(self._receive, data)

    def eof_received(self) -> bool:
        """Take the end of the peer's bytes; asyncio closes the socket."""
        self._guarded(self._end_of_input)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the socket."""
        if exc is not None:
            self._reason = self._reason or str(exc)
        self._finish()

    def pause_writing(self) -> None:
        """Stop producing output: the peer reads too slowly."""
        self._paused = True

    def resume_writing(self) -> None:
        """Produce output again."""
        self._paused = False
        self._guarded(self._resume)

    # -- bytes -----------------------------------------------------------------------------------------------------

    def _guarded(self, step: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run one step; what it raises ends this connection and nothing else."""
        if self._finished:
            return
        try:
            step(*args, **kwargs)
        except Exception as error:  # the one place where a fault of proton, handler or peer is contained
            log.warning("connection with %s ended by an error: %r", self.identity.address, error, exc_info=True)
            self._reason = self._reason or f"internal error: {error!r}"
            self.abort()

    def _receive(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            capacity = self._transport.capacity()
            if capacity <= 0:
                break
            self._transport.push(view[:capacity])
            view = view[capacity:]
            self._dispatch()
        # Not at once: answers that take a turn of the loop go out with the acceptance of their requests, in one packet.
        self.schedule_flush()

    def _end_of_input(self) -> None:
        self._transport.close_tail()
        self._go_soon()
        self._pump()

    def _resume(self) -> None:
        self._handler.on_writable()
        self._pump()

    def _flush_scheduled(self) -> None:
        self._flush_due = False
        self._guarded(self._pump)

    def _pump(self) -> None:
        """Dispatch events and write output until there is neither; keep proton's clock going."""
        assert self._socket is not None
        self._dispatch()
        self._tick()
        while not self._paused:
            self._dispatch()
            pending = self._transport.pending()
            if pending == 0 and self._collector.peek() is not None:
                continue  # asking for output may be what finds an error, within TLS without a word
            if pending < 0 or (pending == 0 and self._broken):
                self._dispatch()
                self._go_soon()
                self._socket.close()
                return
            if pending == 0:
                break
            output = self._transport.peek(pending)
            if output:
                self._socket.write(output)
                self._transport.pop(len(output))

    def _tick(self) -> None:
        deadline = self._transport.tick(self._loop.time())
        if not deadline:
            return
        timer = self._timers.get("tick")
        if timer is None or timer.when() > deadline:
            self._timer("tick", deadline - self._loop.time(), self._on_tick)

    def _on_tick(self) -> None:
        self._timers.pop("tick", None)
        self._guarded(self._pump)

    def _timer(self, name: str, delay: float, action: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = self._loop.call_later(max(delay, 0.0), action)

    def _go_soon(self) -> None:
        """Let the socket go in two seconds at most: a peer that reads nothing never takes what is still to be said to it."""
        self._timer("close", CLOSE_TIMEOUT, self.abort)

    def _open_timed_out(self) -> None:
        self._reason = self._reason or f"no AMQP connection within {self._limits.open_timeout:g} s"
        self.abort()

    def _finish(self) -> None:
        """Tell the handler of the end, once, and let go of everything."""
        if self._finished:
            return
        self._finished = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self.links.clear()
        self._actions = {}
        try:
            self._handler.on_closed(self._reason or "closed by the peer")
        except Exception:
            log.exception("after the end of the connection with %s", self.identity.address)
        self._transport.unbind()
        self.connection.free()
        self._collector.release()

    # -- events ----------------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        while not self._finished:
            event = self._collector.peek()
            if event is None:
                return
            action = self._actions.get(event.type)
            if action is not None:
                self._act(action, event)
            self._collector.pop()

    def _act(self, action: Callable[[Event], None], event: Event) -> None:
        """Do what an event calls for. Text that is none is the peer's fault, and told so."""
        try:
            action(event)
        except UnicodeDecodeError as error:
            self.close(Condition("amqp:decode-error", shown(str(error), 200)))

    def _on_open(self, event: Event) -> None:
        waiting = self._timers.pop("open", None)
        if waiting is None:
            self.close(Condition("amqp:illegal-state", "the connection is open already"))
            return
        waiting.cancel()
        self.identity = self._handshake.identity(self.identity.address)
        if self._server:
            self.connection.open()
        self._handler.on_open()

    def _on_remote_close(self, event: Event) -> None:
        condition = self.connection.remote_condition
        self._reason = self._reason or (condition_words(condition) if condition else "closed by the peer")
        self.close()

    def _on_transport_error(self, event: Event) -> None:
        self._broken = True
        self._go_soon()
        condition = self._transport.condition
        if condition is not None and not self._reason:  # proton may tell of it twice
            self._reason = words = self._handshake.words(condition)
            level = logging.WARNING if self._server and self._handshake.login_failed(condition) else logging.INFO
            log.log(level, "connection with %s: %s", self.identity.address, words)


def _address(peer: tuple[str, int] | None) -> str:
    if not peer:
        return ""
    host, port = peer[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
