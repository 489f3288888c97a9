"""Bus URLs."""

from __future__ import annotations

import pytest

from qmfagent.bus.url import BusUrl
from qmfagent.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amqp://site-a", BusUrl("site-a", 5672, secure=False)),
        ("amqps://site-a", BusUrl("site-a", 5671, secure=True)),
        ("amqp://127.0.0.1:0", BusUrl("127.0.0.1", 0, secure=False)),
        ("amqps://[fd00::1]:1234/", BusUrl("fd00::1", 1234, secure=True)),
    ],
)
def test_accepted_forms(text: str, expected: BusUrl) -> None:
    assert BusUrl.parse(text) == expected
    assert BusUrl.parse(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("site-a:5672", "not an AMQP URL"),
        ("http://site-a", "not an AMQP URL"),
        ("amqp://", "not an AMQP URL"),
        ("amqp://site-a:99999", "Port out of range"),
        ("amqp://[fd00::1", "Invalid IPv6"),
        ("amqp://site-a/queue", "after the port"),
        ("amqp://" + "a" * 70, "label"),
    ],
)
def test_refused_forms(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        BusUrl.parse(text)


def test_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as refused:
        BusUrl.parse("amqp://bob:secret@site-a")
    assert "secret" not in str(refused.value)
