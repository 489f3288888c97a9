"""The log: one record a line, whatever is quoted in it."""

from __future__ import annotations

import logging

from qmfagent.log import LineFormatter


def formatted(message: str, *arguments: object, failure: BaseException | None = None) -> str:
    info = (type(failure), failure, failure.__traceback__) if failure else None
    record = logging.LogRecord("peer", logging.WARNING, "x.py", 1, message, arguments, info)  # type: ignore[arg-type]
    return LineFormatter("%(levelname)s %(name)s: %(message)s").format(record)


def test_control_characters_cannot_forge_a_line() -> None:
    forged = "x\nWARNING qmfagent.audit: {}\r\x1b[2J\x9b\u2028y"
    line = formatted("site says: %s", forged)
    assert line == r"WARNING peer: site says: x\nWARNING qmfagent.audit: {}\r\x1b[2J\x9b\u2028y"


def test_other_characters_stay() -> None:
    assert formatted("größe %s", "日本") == "WARNING peer: größe 日本"


def test_a_traceback_follows_in_lines_of_its_own() -> None:
    try:
        raise ValueError("bad")
    except ValueError as error:
        lines = formatted("it failed", failure=error).splitlines()
    assert lines[0] == "WARNING peer: it failed"
    assert lines[-1] == "ValueError: bad"
