"""The agent's bus at a broker: what the listener is where there is none.

Rules of this file: the agent is never kept waiting. Events are numbered and must not be lost: they wait in the event queue
until the broker has each. Everything else is worth something only now: an announcement, or an answer whose asker has lost the
connection too, is dropped while there is no connection. Who asks is the message's user-id where the broker lets nobody write
another's, and nobody otherwise. Limits hold for each user, or for all that can't be told apart.
"""

from __future__ import annotations

import logging
from asyncio import Future
from collections.abc import Callable, Iterable

from qmfagent.bus.broker.event_queue import EventQueue
from qmfagent.bus.client.connection import Connection
from qmfagent.bus.connection.outlet import RELEASED
from qmfagent.bus.dialects import Role, UserIds
from qmfagent.bus.limits.admission import Admission
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.load import BusLoad
from qmfagent.bus.messages.wire import Envelope
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.identity import ANONYMOUS, Identity
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.errors import ConnectionLost, Refused, RemoteError, UnknownObject
from qmfagent.management.message import Response
from qmfagent.qmf import opcodes
from qmfagent.qmf.message import INDICATION, Address, Message

log = logging.getLogger(__name__)

OnMessage = Callable[[Message, Identity], None]

MAX_USERS = 1000
"""How many users' recent requests are remembered."""


class Broker:
    """One agent's connection to a broker, which keeps itself up."""

    def __init__(
        self,
        url: str,
        *,
        tls: TlsConfig | None = None,
        credentials: Credentials | None = None,
        user: str = "",
        dialect: str = "",
        verified_user_ids: bool = False,
        addresses: Iterable[Address],
        on_message: OnMessage,
        on_up: Callable[[], None] = lambda: None,
        on_refused: Callable[[Message, Refused], None] = lambda message, refusal: None,
        admit: Callable[[Identity], bool] = lambda identity: True,
        agent: str = "",
        limits: Limits | None = None,
    ) -> None:
        """Prepare to connect to `url`, as Connection does with the same arguments.

        `addresses` are the agent's own. `on_message` gets each QMF message that arrives for them, with the identity of its
        sender, which is its user_id; `on_refused` each request that is not admitted or exceeds the limits, without its
        body, to be answered with the refusal; `on_up` is called whenever there is a connection again. None of them may
        block. `verified_user_ids` says that the broker checks user-ids, where that depends on how it is set up (qpidd).
        `admit` decides who is heard at all, `agent` is the agent's name: what claims to be from it is dropped. Raises
        ConfigError for what can't be used.
        """
        self._url = BusUrl.parse(url)
        self._limits = limits or Limits()
        self._verified_user_ids = verified_user_ids
        self._on_message = on_message
        self._on_up = on_up
        self._on_refused = on_refused
        self._admit = admit
        self._agent = agent
        self._admissions: dict[str, Admission] = {}
        self._connection = Connection(
            url,
            tls=tls,
            credentials=credentials,
            user=user,
            dialect=dialect,
            addresses=addresses,
            role=Role.AGENT,
            on_envelope=self._receive,
            on_up=self._came_up,
            limits=self._limits,
        )
        self._events = EventQueue(lambda event: self._connection.post(event, durable=True))

    async def start(self) -> int:
        """Connect, and stay connected until stop(); the broker's port.

        A broker that can't be reached now does not keep the agent from working: the connection goes on trying.
        """
        self._connection.start()
        try:
            await self._connection.wait_up(self._limits.open_timeout, patient=False)
        except ConnectionLost as error:
            log.warning("the agent begins without its broker: %s", error)
        return self._url.port

    def send(self, message: Message, sequence: int | None = None) -> None:
        """Send a message of the agent; an event now or later, anything else now or never.

        `sequence` is for buses that leave out what a receiver is too slow for: here that is the broker's part. Raises
        CodecError for a body that has no form, UnknownObject where the broker has no such address, BusError where too many
        messages are waiting.
        """
        if message.method == INDICATION and message.content == opcodes.CONTENT_EVENT and not message.correlation_id:
            self._events.put(message)
            return
        try:
            self._connection.post(message).add_done_callback(self._sent)
        except ConnectionLost as error:
            log.debug("a message to %s is dropped: %s", message.to, error)

    def taken(self, address: Address) -> bool:
        """Whether anybody may receive what is sent to an address: the broker does not say, so somebody may."""
        return True

    @property
    def load(self) -> BusLoad:
        """What it has to do now: what waits are events."""
        up = self._connection.connected
        problem = "" if up else f"there is no connection with the broker at {self._url}"
        return BusLoad(problem, int(up), len(self._events), self._events.dropped)

    def manage(self, management: object) -> None:
        """Nothing: $management is the broker's own node here, and so no request for the agent's arrives."""

    def respond(self, response: Response) -> None:
        """Raise UnknownObject: what answers no request has nowhere to go."""
        raise UnknownObject(f"there is no management node of the agent at a broker, to answer to {response.to!r}")

    async def stop(self) -> None:
        """Close the connection, in two seconds at most; events that the broker has not confirmed are given up."""
        await self._connection.stop()

    def _came_up(self) -> None:
        self._events.flush()
        self._on_up()

    def _sent(self, outcome: Future[None]) -> None:
        error = None if outcome.cancelled() else outcome.exception()
        if isinstance(error, RemoteError) and error.reason != RELEASED:
            log.warning("the broker at %s refused a message: %s", self._url, error)

    def _receive(self, envelope: Envelope, to: Address, size: int) -> None:
        """Take what has arrived for the agent. Raises ProtocolError and CodecError where it is no QMF message."""
        identity = self._identity(envelope.user_id)
        if self._agent and envelope.agent == self._agent:
            log.warning("dropped a message from %s that claims to be from this agent", identity)
            return
        admission = self._admission(identity.user)
        try:
            if not self._admit(identity):
                raise Refused("forbidden", f"{identity.user!r} has no role here", hint="give it one with [[access]]")
            admission.check(size)
        except Refused as refusal:
            if admission.may_answer():
                self._on_refused(envelope.head(to, identity.user), refusal)
            return
        self._on_message(envelope.message(to, identity.user), identity)

    def _identity(self, user_id: str) -> Identity:
        dialect = self._connection.dialect
        known = dialect is not None and (
            dialect.user_ids is UserIds.VERIFIED
            or (dialect.user_ids is UserIds.IF_CONFIGURED and self._verified_user_ids)
        )
        user = user_id if known and user_id != ANONYMOUS else ""
        return Identity(user=user or ANONYMOUS, authenticated=bool(user), address=str(self._url))

    def _admission(self, user: str) -> Admission:
        """What a user has asked for lately; who has been quiet for longest is forgotten first."""
        admission = self._admissions.pop(user, None) or Admission(self._limits)
        self._admissions[user] = admission
        if len(self._admissions) > MAX_USERS:
            del self._admissions[next(iter(self._admissions))]
        return admission
