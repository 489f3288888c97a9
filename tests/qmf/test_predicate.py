"""Predicates: every operator, what is refused, and a bound on the work of re_match."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.errors import ProtocolError
from qmfagent.qmf.budget import MAX_STEPS, Budget
from qmfagent.qmf.pattern import MAX_PATTERN, MAX_SUBJECT, BoundedPattern
from qmfagent.qmf.predicate import MAX_PREDICATE_DEPTH, MAX_TERMS, compile_predicate

VALUES: dict[str, Any] = {
    "name": "db1",
    "size": 10,
    "ratio": 0.5,
    "text9": "9",
    "on": True,
    "nodes": ["n1"],
    "void": None,
}
TRUE, FALSE = ["true"], ["false"]


@pytest.mark.parametrize(
    ("predicate", "holds"),
    [
        ([], True),
        (TRUE, True),
        (FALSE, False),
        (["and"], True),
        (["and", TRUE, TRUE], True),
        (["and", TRUE, FALSE], False),
        (["or"], False),
        (["or", FALSE, TRUE], True),
        (["or", FALSE, FALSE], False),
        (["not", FALSE], True),
        (["not", TRUE], False),
        (["not", FALSE, FALSE], True),
        (["not", FALSE, TRUE], False),
        (["exists", "name"], True),
        (["exists", "nope"], False),
        (["exists", "void"], True),
        (["eq", "name", ["quote", "db1"]], True),
        (["eq", "name", ["quote", "db2"]], False),
        (["eq", ["quote", "db1"], "name"], True),
        (["eq", "name", "name"], True),
        (["eq", "size", 10], True),
        (["eq", "size", ["quote", 10]], True),
        (["eq", "size", ["quote", "10"]], True),
        (["eq", "size", 10.0], True),
        (["eq", "on", True], True),
        (["eq", "on", ["quote", "True"]], True),
        (["eq", "on", 1], False),
        (["eq", "nodes", ["quote", ["n1"]]], True),
        (["eq", "nope", ["quote", "db1"]], False),
        (["ne", "name", ["quote", "db2"]], True),
        (["ne", "name", ["quote", "db1"]], False),
        (["ne", "nope", ["quote", "db1"]], False),
        (["lt", "size", 11], True),
        (["lt", "size", 10], False),
        (["le", "size", 10], True),
        (["gt", "size", 9], True),
        (["gt", "size", "text9"], True),
        (["gt", "size", ["quote", "9"]], True),
        (["ge", "size", 10], True),
        (["ge", "ratio", 0.25], True),
        (["lt", "name", ["quote", "db2"]], True),
        (["lt", "nope", 11], False),
        (["gt", "size", ["quote", "9x"]], False),
        (["re_match", "name", ["quote", "^db[0-9]$"]], True),
        (["re_match", "name", ["quote", "b"]], True),
        (["re_match", "name", ["quote", "^b"]], False),
        (["re_match", "name", "^db"], True),
        (["re_match", "size", ["quote", "^1.$"]], True),
        (["re_match", "nope", ["quote", "."]], False),
        (["and", ["exists", "name"], ["not", ["or", ["eq", "size", 1], ["lt", "size", 5]]]], True),
    ],
)
def test_operators(predicate: list[Any], holds: bool) -> None:
    assert compile_predicate(predicate)(VALUES) is holds


@pytest.mark.parametrize(
    "predicate",
    [
        "name",
        {"eq": 1},
        None,
        [[]],
        [1],
        [["true"]],
        ["and", "name"],
        ["and", []],
        ["xor", TRUE, FALSE],
        ["eq", "name"],
        ["eq", "name", "a", "b"],
        ["true", 1],
        ["exists"],
        ["exists", 1],
        ["eq", "name", ["quote"]],
        ["eq", "name", ["unquote", "a"]],
        ["eq", "name", []],
        ["re_match", "name", 1],
        ["re_match", "name", ["quote", "("]],
        ["re_match", "name", ["quote", "a{99999999999999}"]],
        ["and", *[TRUE] * MAX_TERMS],
    ],
)
def test_what_is_no_predicate_is_refused_before_it_is_evaluated(predicate: Any) -> None:
    with pytest.raises(ProtocolError):
        compile_predicate(predicate)


def test_depth_is_limited() -> None:
    deep = TRUE
    for _ in range(MAX_PREDICATE_DEPTH - 1):
        deep = ["and", deep]
    assert compile_predicate(deep)({})
    with pytest.raises(ProtocolError, match="too large"):
        compile_predicate(["and", deep])


TERMS = st.recursive(
    st.sampled_from(["and", "or", "not", "eq", "lt", "exists", "quote", "true", "re_match", "name", "size"])
    | st.integers()
    | st.none()
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=20,
)


@given(TERMS)
def test_anything_is_a_truth_or_a_protocol_error(predicate: Any) -> None:
    with contextlib.suppress(ProtocolError):
        assert compile_predicate(predicate)(VALUES) in (True, False)


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)*$", "(ab){2,9}", "(a)?", r"(a)\1", "(?=a)a", "(?i)a", "(?P<x>a)", "(?:a*)*", "(?#)a"]
)
def test_patterns_without_a_bound_are_refused(pattern: str) -> None:
    with pytest.raises(ProtocolError, match="re_match: pattern"):
        BoundedPattern(pattern, Budget())


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [
        (r"\)*$", "))"),
        (r"^\(a\)$", "(a)"),
        ("[)(]+x?", "("),
        ("[]*+]", "+"),
        ("[^]a]", "b"),
        (r"[\])]*y", "])y"),
        ("(?:vip|db)-[0-9]+", "my-db-10"),
        (r"\d+\.\d+", "10.2"),
    ],
)
def test_patterns_with_a_bound_are_searched(pattern: str, subject: str) -> None:
    assert BoundedPattern(pattern, Budget()).search(subject)


def test_long_patterns_and_subjects_are_refused() -> None:
    with pytest.raises(ProtocolError, match="the pattern has 257 characters"):
        BoundedPattern("a" * (MAX_PATTERN + 1), Budget())
    assert BoundedPattern("a", Budget()).search("b" * (MAX_SUBJECT - 1) + "a")
    with pytest.raises(ProtocolError, match="too long to search"):
        BoundedPattern("a", Budget()).search("a" * (MAX_SUBJECT + 1))


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [
        (".*.*.*.*.*.*=", "a" * 1000),
        ("a*a*a*a*a*b", "a" * 60),
        ("a?" * 60 + "b", "a" * 60),
        ("(a|a)" * 40 + "b", "a" * 60),
        (".*.*=", "a" * 100),
        (".*=", "a" * 1000),
    ],
)
def test_a_hostile_pattern_is_stopped_in_seconds_however_many_values_there_are(pattern: str, subject: str) -> None:
    compiled = BoundedPattern(pattern, Budget())
    start = time.process_time()
    with pytest.raises(ProtocolError, match="too much work"):
        deque((compiled.search(subject) for _ in range(1_000_000)), maxlen=0)
    assert time.process_time() - start < 10


def test_an_ordinary_pattern_serves_ten_thousand_values() -> None:
    compiled = BoundedPattern("^db-.*-[0-9]+$", Budget())
    assert sum(compiled.search(f"db-resource-{number}") for number in range(10_000)) == 10_000


@pytest.mark.parametrize(
    "term", [["eq", "name", "x"], ["lt", "name", 5], ["re_match", "name", "x"]], ids=lambda term: term[0]
)
def test_many_terms_are_stopped_in_seconds_however_many_objects_there_are(term: list[Any]) -> None:
    holds = compile_predicate(["or", *[term] * (MAX_TERMS - 1)])
    begun = time.process_time()
    with pytest.raises(ProtocolError, match="too much work"):
        deque(map(holds, repeat({"name": "resource-1"})), maxlen=0)
    assert time.process_time() - begun < 10


def test_twenty_terms_serve_ten_thousand_objects() -> None:
    holds = compile_predicate(["or", *[["eq", "name", "x"]] * 20])
    assert not any(holds({"name": str(number)}) for number in range(10_000))


@pytest.mark.parametrize(
    "literal", ["x" * 5000, b"\xff" * 5000, ["x"] * 2000, {"x": "y" * 5000}], ids=lambda value: type(value).__name__
)
def test_a_literal_is_bounded(literal: Any) -> None:
    with pytest.raises(ProtocolError, match="literal of"):
        compile_predicate(["eq", "name", ["quote", literal]])


def test_a_literal_list_equals_a_value_of_the_same_form() -> None:
    assert compile_predicate(["eq", "names", ["quote", ["a", 1]]])({"names": ["a", 1]})


def test_very_long_text_is_no_number() -> None:
    holds = compile_predicate(["lt", "name", ["quote", "9" * 100]])
    assert holds({"name": "10"})
    assert not holds({"name": "a"})


def test_a_budget_is_spent_once() -> None:
    budget = Budget()
    budget.spend(MAX_STEPS)
    with pytest.raises(ProtocolError, match="too much work"):
        budget.spend(1)
