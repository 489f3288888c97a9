"""Values from the bus as text for people.

Rules of this file: pure. Whatever a remote agent sends comes out printable: no control character, no escape sequence,
no character that turns the writing direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def safe(text: str) -> str:
    """The text in one line, its unprintable characters as Python escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def words(value: Any) -> str:
    """A value in one line: yes and no, lists with commas, maps as `key=value`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(words, value))
    if isinstance(value, Mapping):
        return " ".join(f"{safe(str(key))}={words(item)}" for key, item in value.items())
    return safe(str(value))


def moment(nanoseconds: int) -> str:
    """A QMF timestamp in local time, ISO 8601; `never` for 0."""
    if nanoseconds == 0:
        return "never"
    try:
        return (EPOCH + timedelta(microseconds=nanoseconds // 1000)).astimezone().isoformat(timespec="seconds")
    except (OverflowError, ValueError):
        return str(nanoseconds)


def number_of(count: int, noun: str) -> str:
    """So many things of a kind, whose plural has an s: 1 field, 3 fields."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def elided(text: str, width: int) -> str:
    """The text, cut to `width` characters with an ellipsis at the end."""
    return text if len(text) <= width else text[: width - 1] + "…"
