"""What each dialect makes of QMF's addresses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.bus.dialects import DIALECTS, Inbox, Role, Route, Source, named, recognise
from qmfagent.errors import ConfigError, ProtocolError, UnknownObject
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message

REPLY = Address(TOPIC, "direct-console.5f1")
EVENTS = Address(TOPIC, "agent.ind.event.#")
NAME = Address(DIRECT, "vendor:product:a")


def message(to: Address, **fields: Any) -> Message:
    return Message(to, "_x", "indication", **fields)


@pytest.mark.parametrize(
    ("product", "version", "name"),
    [
        ("RabbitMQ", "3.10.8", "rabbitmq-3"),
        ("RabbitMQ", "3.13.7", "rabbitmq-3"),
        ("RabbitMQ", "4.0.5", "rabbitmq-4"),
        ("RabbitMQ", "4.1.0-rc.1", "rabbitmq-4"),
        ("qpid-cpp", "1.39.0", "qpidd"),
        ("apache-activemq-artemis", "2.31.2", "artemis"),
        ("qpid-dispatch-router", "1.19.0", "router"),
        ("skupper-router", "2.5.1", "router"),
        ("", "", "embedded"),
        ("qpid-proton", "x", "embedded"),
    ],
)
def test_a_peer_is_known_by_its_open(product: str, version: str, name: str) -> None:
    assert recognise({"product": product, "version": version}).name == name
    assert recognise({}).name == "embedded"
    assert named(name) is DIALECTS[name]


def test_a_dialect_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'kafka'.*embedded.*router"):
        named("kafka")


@pytest.mark.parametrize("name", ["embedded", "qpidd"])
def test_exchanges_are_nodes_with_filters(name: str) -> None:
    dialect = named(name)
    inboxes = [Inbox(Role.CONSOLE, "1", (REPLY, EVENTS))]
    assert dialect.queues(inboxes, "u") == ()
    assert dialect.sources(inboxes, "u") == tuple(Source(TOPIC, subject=a.subject, node=TOPIC) for a in (REPLY, EVENTS))
    assert dialect.route(message(NAME)) == Route(DIRECT, DIRECT)
    assert dialect.route(message(Address("amq.direct", "k"))) == Route(None, "amq.direct")
    assert dialect.route(message(Address("queue"))) == Route(None, "queue")
    assert dialect.origin(Source(DIRECT, node=DIRECT), TOPIC, "s") == Address(DIRECT, "s")


def test_rabbitmq_3_has_queues_with_bindings_and_exchanges_with_keys() -> None:
    dialect = named("rabbitmq-3")
    inboxes = [
        Inbox(Role.CONSOLE, "1", (REPLY,)),
        Inbox(Role.EVENTS, "si/te", (EVENTS,)),
        Inbox(Role.AGENT, "2", (NAME,)),
    ]
    queues = dialect.queues(inboxes, "bob")
    assert [(queue.name, queue.bindings, queue.durable, queue.exclusive) for queue in queues] == [
        ("qmf.bob.console.1", (REPLY,), False, False),
        ("qmf.bob.events.si/te", (EVENTS,), True, False),
        ("qmf.bob.agent.2", (NAME,), False, True),
    ]
    assert all(queue.arguments["x-overflow"] == "drop-head" for queue in queues)
    assert dialect.sources(inboxes, "bob") == (
        Source("/amq/queue/qmf.bob.console.1"),
        Source("/amq/queue/qmf.bob.events.si%2Fte"),
    )
    assert dialect.route(message(REPLY)) == Route("/exchange/qmf.default.topic", TOPIC)
    assert dialect.origin(Source(""), DIRECT, "k") == Address(DIRECT, "k")
    assert dialect.origin(Source(""), "anything", "k") == Address(TOPIC, "k")


def test_rabbitmq_4_has_percent_encoded_addresses() -> None:
    dialect = named("rabbitmq-4")
    inboxes = [Inbox(Role.EVENTS, "si/te", (EVENTS,))]
    assert dialect.sources(inboxes, "CN=a b") == (Source("/queues/qmf.CN%3Da%20b.events.si%2Fte"),)
    assert dialect.route(message(NAME)) == Route(None, "/exchanges/qmf.default.direct/vendor%3Aproduct%3Aa")


@pytest.mark.parametrize("name", ["rabbitmq-3", "rabbitmq-4"])
@pytest.mark.parametrize(
    "bad",
    [
        message(Address("amq.direct", "k")),
        message(Address("queue")),
        message(Address("", "queue/q")),
        message(Address(TOPIC, "k" * 256)),
        message(Address(TOPIC, "ü" * 128)),
        message(Address(TOPIC, "\udc80" * 256)),
        message(REPLY, correlation_id="c" * 256),
    ],
)
def test_what_would_end_the_session_at_rabbitmq_is_not_sent(name: str, bad: Message) -> None:
    with pytest.raises((UnknownObject, ProtocolError)):
        named(name).route(bad)


@given(st.sampled_from([TOPIC, DIRECT]), st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_a_message_to_rabbitmq_4_tells_where_it_was_sent(node: str, subject: str) -> None:
    dialect = named("rabbitmq-4")
    to = Address(node, subject)
    assert dialect.origin(Source(""), dialect.route(message(to)).to, "other") == to


@pytest.mark.parametrize(("name", "subscription"), [("artemis", "site.qmf.default.topic.agent"), ("router", "")])
def test_multicast_addresses_are_as_fine_as_they_can_be(name: str, subscription: str) -> None:
    dialect = named(name)
    heartbeats = Address(TOPIC, "agent.ind.heartbeat.#")
    inboxes = [Inbox(Role.CONSOLE, "1", (REPLY, heartbeats, NAME)), Inbox(Role.EVENTS, "site", (EVENTS,))]
    assert [(s.address, s.only, s.subscription) for s in dialect.sources(inboxes, "u")] == [
        ("qmf.default.topic.direct-console.5f1", (REPLY,), ""),
        ("qmf.default.topic.agent", (heartbeats,), ""),
        ("qmf.default.direct.vendor:product:a", (NAME,), ""),
        ("qmf.default.topic.agent", (EVENTS,), subscription),
    ]
    assert dialect.route(message(Address(TOPIC, "agent.ind.event.p.c"))) == Route(None, "qmf.default.topic.agent")
    assert dialect.route(message(REPLY)) == Route(None, "qmf.default.topic.direct-console.5f1")
    assert dialect.route(message(Address("temporary-7"))) == Route(None, "temporary-7")


@given(
    st.sampled_from(
        ["console.request.agent_locate", "agent.ind.event.p.c", "direct-console.1", "direct-agent.route.2"]
    ),
    st.sampled_from(["artemis", "router"]),
)
def test_whatever_matches_a_receiver_s_pattern_is_sent_to_its_address(subject: str, name: str) -> None:
    dialect = named(name)
    for pattern in {subject, f"{subject.partition('.')[0]}.#"} - ({"direct-console.#", "direct-agent.#"}):
        (source,) = dialect.sources([Inbox(Role.CONSOLE, "1", (Address(TOPIC, pattern),))], "")
        assert dialect.route(message(Address(TOPIC, subject))).to == source.address
        assert dialect.origin(source, "", subject) == Address(TOPIC, subject)
