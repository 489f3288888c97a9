"""A connection to a listener or broker that keeps itself up.

Rules of this file: from start() to stop() there is either a ready uplink or an attempt to get one, with random
exponential back-off, for ever. A message is sent on the uplink of the moment or not at all: what was not accepted
fails with ConnectionLost, nothing is sent twice, nothing is lost in silence. After on_up everything may have been
missed, but for what a lasting inbox keeps; it is for the owner to ask again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

from proton import Condition
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from qmfagent.bus.client.connector import Connector
from qmfagent.bus.client.uplink import OnEnvelope, Uplink
from qmfagent.bus.dialects import Dialect, Inbox, Role, UserIds
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.security.client_user import client_user
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.login import check_login
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.errors import BusError, ConnectionLost
from qmfagent.qmf.message import Address, Message

log = logging.getLogger(__name__)

BACK_OFF = wait_random_exponential(multiplier=0.2, max=5)
PAUSE_AFTER_LOSS = 0.3


class Connection:
    """A self-healing AMQP 1.0 connection for QMF v2."""

    def __init__(
        self,
        url: str,
        *,
        tls: TlsConfig | None = None,
        credentials: Credentials | None = None,
        user: str = "",
        dialect: str = "",
        addresses: Iterable[Address],
        role: Role = Role.CONSOLE,
        lasting: Inbox | None = None,
        on_message: Callable[[Message], None] = lambda message: None,
        on_envelope: OnEnvelope | None = None,
        on_up: Callable[[], None] = lambda: None,
        on_down: Callable[[str], None] = lambda reason: None,
        limits: Limits | None = None,
    ) -> None:
        """Prepare a connection to `url`.

        `addresses` are what to receive while connected, for a client of that `role`; `lasting` is received too, and kept
        for us while we are not there, where the broker can. `on_message` gets every QMF message that arrives there, its
        user_id as the message says, or `on_envelope` every message as it comes, with its size in bytes; `on_up` is called
        when all links are attached, `on_down` with the reason when they are gone. None of them may block.

        With `credentials` the client logs in with a password, else with its certificate; `user` is who it then is to a
        broker. `dialect` is the broker's, where it is not to be told by what it says of itself. Raises ConfigError for what
        can't be used.
        """
        self._url = BusUrl.parse(url)
        check_login(self._url, tls, credentials)
        self._user = client_user(user, credentials, tls)
        inbox = Inbox(role, str(uuid4()), tuple(addresses))
        self._limits = limits or Limits()
        self._connector = Connector(
            self._url,
            tls=tls,
            credentials=credentials,
            user=self._user,
            dialect=dialect,
            inboxes=(inbox,) if lasting is None else (inbox, lasting),
            container=f"qmfagent-{lasting.name if lasting is not None else inbox.name}",
            on_envelope=on_envelope or _reader(on_message),
            limits=self._limits,
        )
        self._on_up = on_up
        self._on_down = on_down
        self._uplink: Uplink | None = None
        self._up = asyncio.Event()
        self._failed = asyncio.Event()
        self._problem = "not started"
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether messages can be sent now."""
        return self._uplink is not None and not self._uplink.over.done()

    @property
    def dialect(self) -> Dialect | None:
        """What the peer speaks; None while there is none."""
        return self._uplink.dialect if self._uplink is not None else None

    def start(self) -> None:
        """Begin to connect, in the background."""
        if self._task is None:
            self._problem = "connecting"
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"bus connection to {self._url}")

    async def wait_up(self, timeout: float, *, patient: bool = True) -> None:  # noqa: ASYNC109
        """Wait until connected. Raises ConnectionLost, with the last reason, where that takes more than `timeout` s.

        Without patience it raises as soon as an attempt has failed; the connection goes on trying all the same.
        """
        events = [self._up] if patient else [self._up, self._failed]
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                # An uplink may be over, and _run not have noticed yet.
                while not self.connected and (patient or not self._failed.is_set()):
                    await _any(events)
        if not self.connected:
            raise ConnectionLost(f"can't reach {self._url}: {self._problem}")

    async def stop(self) -> None:
        """Close the connection in AMQP's way, in two seconds at most, and connect no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def send(self, message: Message) -> None:
        """Send a message, and wait until the peer has accepted it. Raises as post does, and as its future fails."""
        await self.post(message)

    def post(self, message: Message, *, durable: bool = False) -> asyncio.Future[None]:
        """Send a message; the future completes when the peer has accepted it. It bears our user-id where that proves anything.

        A `durable` one is to survive a broker's restart. Raises ConnectionLost where there is no connection, UnknownObject
        where the peer has no such address, CodecError for a body that has no form, BusError where too many messages are
        waiting already. The future fails with ConnectionLost where the connection ends before the peer has answered
        (whether it has got the message is then unknown), with RemoteError where the peer rejects it.
        """
        if self._uplink is None:
            raise ConnectionLost(f"no connection with {self._url}: {self._problem}")
        user = self._user if self._uplink.dialect.user_ids is not UserIds.UNVERIFIED else ""
        if user and not message.user_id:
            message = replace(message, user_id=user)
        return self._uplink.send(message, durable=durable)

    async def _run(self) -> None:
        while True:
            uplink = await self._connect()
            self._uplink = uplink
            self._failed.clear()
            self._up.set()
            log.info("connected to %s", self._url)
            self._call(self._on_up)
            try:
                await self._consume(uplink)
                self._problem = await asyncio.shield(uplink.over)
            finally:
                self._uplink = None
                self._up.clear()
                if not uplink.over.done():
                    uplink.engine.close()
                    self._problem = await uplink.over
                self._call(self._on_down, self._problem)
            log.warning("lost the connection with %s: %s", self._url, self._problem)
            # Many clients lose one listener together, and should not all come back in the same instant.
            await asyncio.sleep(random.uniform(0, PAUSE_AFTER_LOSS))  # noqa: S311

    async def _connect(self) -> Uplink:
        """A ready uplink, however long it takes."""
        async for attempt in AsyncRetrying(retry=retry_if_exception_type(Exception), wait=BACK_OFF):
            with attempt:
                try:
                    return await self._connector.connect()
                except Exception as error:
                    problem = _words(error) or f"no answer within {self._limits.open_timeout:g} s"
                    # Retried for ever, and told as often as the reason changes.
                    level = logging.DEBUG if problem == self._problem else logging.WARNING
                    self._problem = problem
                    self._failed.set()
                    log.log(level, "no connection with %s: %s", self._url, problem)
                    raise
        raise AssertionError("unreachable: the retries never end")

    async def _consume(self, uplink: Uplink) -> None:
        """Take requests only now, when they can be answered."""
        try:
            await self._connector.consume(uplink)
        except (BusError, TimeoutError) as error:
            uplink.engine.close(Condition("amqp:internal-error", f"the queue can't be consumed: {_words(error)}"))

    def _call(self, callback: Callable[..., None], *args: str) -> None:
        try:
            callback(*args)
        except Exception:
            log.exception("a callback of the connection with %s failed", self._url)


async def _any(events: list[asyncio.Event]) -> None:
    """Wait for one of them."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


def _reader(on_message: Callable[[Message], None]) -> OnEnvelope:
    return lambda envelope, to, size: on_message(envelope.message(to, envelope.user_id))


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
