"""Peers that attach, detach, send, give and take credit and disconnect in any order: nobody else notices, nothing is kept."""

from __future__ import annotations

from typing import Any

import proton
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from qmfagent.bus.messages import wire
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message
from tests.fuzz.raw_client import RawClient
from tests.fuzz.target import NAME, Target

SOURCES = st.sampled_from([TOPIC, DIRECT, "amq.direct", "$management", None, "nowhere", ""])
TARGETS = st.sampled_from([TOPIC, DIRECT, "amq.direct", "$management", None, "nowhere"])
PATTERNS = st.sampled_from(["", "#", "agent.ind.#", "*.*", NAME, "broker", "x" * 300])
NAMES = st.sampled_from(["", "one", "two"])
CREDITS = st.sampled_from([0, 1, 5, 100, 2**31 - 1])
SUBJECTS = st.sampled_from([NAME, "broker", "console.request.agent_locate", "agent.ind.x", ""])
REPLIES = st.sampled_from([f"{TOPIC}/agent.ind.x", f"{DIRECT}/{NAME}", f"{DIRECT}/broker", "nowhere", ""])
MOST = 4


class Peers(RuleBasedStateMachine):
    """Up to four peers of one agent, some steps of which are waited for and some not.

    What is drawn depends on earlier steps alone, and not on what the agent has ended meanwhile, which comes sooner or later:
    Hypothesis takes it for an error where the same steps lead to another choice. A step with what is gone does nothing.
    """

    target: Target

    def __init__(self) -> None:
        super().__init__()
        self.clients: list[RawClient] = []
        self.links: list[tuple[RawClient, proton.Link]] = []
        self.sessions: list[tuple[RawClient, proton.Session]] = []

    def pick(self, data: st.DataObject, among: list[Any]) -> Any:
        """One of those that nobody here has ended."""
        return among[data.draw(st.integers(0, len(among) - 1), label="which")]

    # -- connections and sessions

    @precondition(lambda self: len(self.clients) < MOST)
    @rule()
    def connect(self) -> None:
        client = self.target.run(RawClient.connect(self.target.port))
        self.clients.append(client)
        self.sessions.append((client, client.session))

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), politely=st.booleans())
    def disconnect(self, data: st.DataObject, politely: bool) -> None:
        client = self.pick(data, self.clients)
        self.target.run(client.close() if politely else client.drop())
        self.clients.remove(client)
        self.sessions = [(owner, session) for owner, session in self.sessions if owner is not client]
        self.links = [(owner, link) for owner, link in self.links if owner is not client]

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        client = self.pick(data, self.clients)
        session = client.connection.session()
        session.open()
        client.flush()
        self.sessions.append((client, session))

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        client, session = self.pick(data, self.sessions)
        session.close()
        client.flush()
        self.sessions.remove((client, session))
        self.links = [(owner, link) for owner, link in self.links if link.session != session]

    # -- links

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), source=SOURCES, pattern=PATTERNS, credit=CREDITS, name=NAMES)
    def receive(self, data: st.DataObject, source: str | None, pattern: str, credit: int, name: str) -> None:
        client, session = self.pick(data, self.sessions)
        self.attach(client, client.receiver(source, pattern=pattern, credit=credit, name=name, session=session))

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), node=TARGETS, name=NAMES)
    def send_to(self, data: st.DataObject, node: str | None, name: str) -> None:
        client, session = self.pick(data, self.sessions)
        self.attach(client, client.sender(node, name=name, session=session))

    def attach(self, client: RawClient, link: proton.Link) -> None:
        if (client, link) not in self.links:
            self.links.append((client, link))

    @precondition(lambda self: self.links)
    @rule(data=st.data(), closed=st.booleans())
    def detach(self, data: st.DataObject, closed: bool) -> None:
        client, link = self.pick(data, self.links)
        self.links.remove((client, link))
        if client.gone(link):
            return
        if closed:
            link.close()
        else:
            link.detach()
        client.flush()

    @precondition(lambda self: any(link.is_receiver for _, link in self.links))
    @rule(data=st.data(), credit=CREDITS, drain=st.booleans())
    def flow(self, data: st.DataObject, credit: int, drain: bool) -> None:
        client, link = self.pick(data, [item for item in self.links if item[1].is_receiver])
        if client.gone(link):
            return
        if drain:
            link.drain(credit)
        else:
            link.flow(credit)
        client.flush()

    # -- messages

    @precondition(lambda self: any(link.is_sender for _, link in self.links))
    @rule(
        data=st.data(), subject=SUBJECTS, reply_to=REPLIES, whole=st.booleans(), times=st.sampled_from([1, 1, 30, 300])
    )
    def send(self, data: st.DataObject, subject: str, reply_to: str, whole: bool, times: int) -> None:
        client, link = self.pick(data, [item for item in self.links if item[1].is_sender])
        if client.gone(link):
            return
        body = {"_what": "SCHEMA_ID"}
        reply = Address.parse(reply_to) if reply_to else None
        request = wire.encode(Message(Address(DIRECT, subject), "_query_request", "request", body, reply_to=reply))
        for _ in range(times):
            client.transfer(link, request if whole else request[: len(request) // 2])
        client.flush()

    @precondition(lambda self: any(link.is_sender for _, link in self.links))
    @rule(data=st.data(), abort=st.booleans())
    def send_half(self, data: st.DataObject, abort: bool) -> None:
        client, link = self.pick(data, [item for item in self.links if item[1].is_sender])
        if client.gone(link):
            return
        if link.current is None:
            link.delivery(f"half-{len(self.links)}")
        link.stream(b"x" * 1000)
        client.flush()
        if abort and link.current is not None:
            link.current.abort()
            client.flush()

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), noise=st.binary(min_size=1, max_size=20))
    def talk_nonsense(self, data: st.DataObject, noise: bytes) -> None:
        self.pick(data, self.clients).write(noise)

    # -- what holds

    @invariant()
    def the_console_is_answered(self) -> None:
        self.target.run(self.target.healthy())

    def teardown(self) -> None:
        for client in self.clients:
            self.target.run(client.drop())
        self.target.run(self.target.at_rest())


def test_peers_in_any_order(target: Target) -> None:
    # Without shrinking: after a failure the agent is no longer as it was, and every further attempt would fail too.
    phases = set(Phase) - {Phase.shrink, Phase.explain}
    run_state_machine_as_test(
        type("PeersOfTarget", (Peers,), {"target": target}),
        settings=settings(deadline=None, max_examples=60, stateful_step_count=25, phases=phases),
    )
