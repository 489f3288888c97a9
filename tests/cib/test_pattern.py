"""Patterns: what regexec of the C library says, in bounded time."""

from __future__ import annotations

import ctypes
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmfagent.cib.plans.pattern import compile_pattern
from qmfagent.errors import CibError

_REG_EXTENDED, _REG_NOSUB = 1, 8
_TOKENS = [
    *"aabb.*+?|()[]^$\\-,1",
    "{2}",
    "{1,2}",
    "{,2}",
    "{1,}",
    "{}",
    "[^a]",
    "[a-c]",
    "[[:digit:]]",
    "[]a]",
    "[[=a=]]",
    "\\w",
]


def regexec(pattern: str, text: str) -> bool | None:
    """What the C library says; None where it takes the pattern for none."""
    libc = ctypes.CDLL(None)
    compiled = ctypes.create_string_buffer(256)
    if libc.regcomp(compiled, pattern.encode(), _REG_EXTENDED | _REG_NOSUB):
        return None
    found = libc.regexec(compiled, text.encode(), 0, None, 0) == 0
    libc.regfree(compiled)
    return found


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(_TOKENS), max_size=9).map("".join), st.text("abc1-]", min_size=1, max_size=6))
def test_as_the_c_library_matches(pattern: str, text: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except CibError:
        return
    assert (None if compiled is None else compiled.search(text)) == regexec(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("^web", "web-1", "my-web"),
        ("web$", "my-web", "web-1"),
        ("[[:alpha:]]-[[:digit:]]", "a-1", "1-a"),
        ("[^[:alnum:]_]", "a-b", "a_b"),
        ("r(1|3)", "r3", "r2"),
        ("^a{2,3}$", "aaa", "aaaa"),
        ("[a\\]", "x\\", "x"),
        ("x|", "anything", None),
        ("", "anything", None),
    ],
)
def test_examples(pattern: str, matching: str, other: str | None) -> None:
    compiled = compile_pattern(pattern)
    assert compiled is not None
    assert compiled.search(matching)
    assert other is None or not compiled.search(other)


@pytest.mark.parametrize("pattern", ["(", "[", "*a", "a{2", "a{3,2}", "[b-a]", "[[:nonsense:]]", "a\\", "(?:a)"])
def test_what_is_no_pattern(pattern: str) -> None:
    assert compile_pattern(pattern) is None
    assert regexec(pattern, "a") is None


@pytest.mark.parametrize(
    "pattern", ["(a)\\1", "\\bweb", "\\<web", "((a{200}){200}){200}", "(" * 60 + ")" * 60, "a{256}"]
)
def test_what_can_not_be_followed_is_refused(pattern: str) -> None:
    with pytest.raises(CibError, match="pattern"):
        compile_pattern(pattern)


def test_no_pattern_stalls() -> None:
    started = time.thread_time()
    for pattern in ("(a+)+$", "(a|a)*b", "(a*)*(a*)*(a*)*c", "(.*)(.*)(.*)(.*)(.*)x$"):
        compiled = compile_pattern(pattern)
        assert compiled is not None
        assert not compiled.search("a" * 5000 + "!")
    assert time.thread_time() - started < 2
