"""Routing: the matching rules of AMQP 0-10, checked against a reference that is slow and obvious."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.bus.router import NodeKind, Router
from qmfagent.errors import ProtocolError, UnknownObject

WORD = st.sampled_from(["a", "b", "agent", ""])
SUBJECT = st.lists(WORD, max_size=5).map(".".join)
PATTERN = st.lists(st.one_of(WORD, st.sampled_from(["*", "#"])), max_size=5).map(".".join)


def matches(pattern: list[str], subject: list[str]) -> bool:
    if not pattern:
        return not subject
    if pattern[0] == "#":
        return any(matches(pattern[1:], subject[start:]) for start in range(len(subject) + 1))
    return bool(subject) and pattern[0] in ("*", subject[0]) and matches(pattern[1:], subject[1:])


def words(text: str) -> list[str]:
    return text.split(".") if text else []


def router(kind: NodeKind = NodeKind.TOPIC) -> Router[str]:
    made: Router[str] = Router()
    made.declare("node", kind)
    return made


@given(st.lists(PATTERN, max_size=6), SUBJECT)
def test_a_topic_gives_each_target_whose_pattern_matches(patterns: list[str], subject: str) -> None:
    topic = router()
    for index, pattern in enumerate(patterns):
        topic.subscribe(f"{index}", "node", pattern)
    expected = {f"{index}" for index, pattern in enumerate(patterns) if matches(words(pattern), words(subject))}
    assert set(topic.route("node", subject)) == expected


@given(st.lists(PATTERN, min_size=1, max_size=6), SUBJECT, st.data())
def test_unsubscribing_leaves_what_was_there_without_the_target(
    patterns: list[str], subject: str, data: st.DataObject
) -> None:
    with_target, without = router(), router()
    for index, pattern in enumerate(patterns):
        target = data.draw(st.sampled_from(["leaver", f"{index}"]))
        with_target.subscribe(target, "node", pattern)
        if target != "leaver":
            without.subscribe(target, "node", pattern)
    with_target.unsubscribe("leaver")
    assert set(with_target.route("node", subject)) == set(without.route("node", subject))


def test_a_target_gets_a_message_once_however_many_patterns_match() -> None:
    topic = router()
    for pattern in ("#", "a.*", "a.b"):
        topic.subscribe("target", "node", pattern)
    assert topic.route("node", "a.b") == ["target"]


def test_a_direct_node_compares_for_equality() -> None:
    direct = router(NodeKind.DIRECT)
    direct.subscribe("literal", "node", "a.#")
    direct.subscribe("key", "node", "a.b")
    assert direct.route("node", "a.b") == ["key"]
    assert direct.route("node", "a.#") == ["literal"]
    assert direct.route("node", "a") == []


def test_a_queue_takes_every_subject() -> None:
    queue = router(NodeKind.QUEUE)
    queue.subscribe("reader", "node")
    assert queue.route("node", "") == queue.route("node", "any.thing") == ["reader"]
    queue.unsubscribe("reader")
    assert queue.route("node", "") == []


def test_a_deleted_node_is_unknown_and_its_subscribers_can_still_leave() -> None:
    topic = router()
    topic.subscribe("target", "node", "a.#")
    topic.delete("node")
    topic.unsubscribe("target")
    with pytest.raises(UnknownObject, match="'node'"):
        topic.route("node", "a")
    with pytest.raises(UnknownObject):
        topic.subscribe("target", "node", "a")


def test_a_pattern_longer_than_a_binding_key_is_refused() -> None:
    with pytest.raises(ProtocolError, match="255"):
        router().subscribe("target", "node", "a." * 200)


def test_no_pattern_makes_matching_explode() -> None:
    topic = router()
    topic.subscribe("target", "node", ".".join(["#", "a"] * 30))
    started = time.perf_counter()
    assert topic.route("node", ".".join(["a"] * 100 + ["b"])) == []
    assert time.perf_counter() - started < 1.0


def test_hundreds_of_subscriptions_are_routed_quickly() -> None:
    topic = router()
    for index in range(500):
        topic.subscribe(f"{index}", "node", f"direct-console.{index}")
        topic.subscribe(f"{index}", "node", "agent.#")
    started = time.perf_counter()
    for index in range(1000):
        assert topic.route("node", f"direct-console.{index % 500}") == [f"{index % 500}"]
    assert time.perf_counter() - started < 0.5


def test_what_is_for_one_receiver_matches_no_wildcard_and_has_holders() -> None:
    router: Router[str] = Router()
    router.declare("topic", NodeKind.TOPIC)
    router.declare("direct", NodeKind.DIRECT)
    router.declare("queue", NodeKind.QUEUE)
    for node, pattern in (("topic", "direct-console.1"), ("topic", "agent.x"), ("direct", "key"), ("queue", "")):
        router.subscribe("owner", node, pattern)
    for pattern in ("#", "direct-console.#", "*.1"):
        router.subscribe("spy", "topic", pattern)
    assert router.route("topic", "direct-console.1") == ["owner"]
    assert router.route("topic", "agent.x") == ["owner", "spy"]
    held = [("topic", "direct-console.1"), ("direct", "key"), ("queue", "anything")]
    assert all(router.holders(*place) == ["owner"] for place in held)
    free = [("topic", "agent.x"), ("topic", "direct-console.2"), ("direct", "other")]
    assert not any(router.holders(*place) for place in free)
