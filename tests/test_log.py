"""The log: one record a line, whatever is quoted in it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent import log
from qmfagent.calls.audit import AuditLine, audit
from qmfagent.log import JournalFormatter, JsonFormatter, LineFormatter
from qmfagent.trace import span

_MANY = """\
import logging, os, sys
from pathlib import Path
from qmfagent import log
log.MAX_FILE, log.OLD_FILES = 1000, 2
log.configure_logging("INFO", Path(sys.argv[1]))
for number in range(100):
    logging.info("line %d", number)
os.write(2, b"the last words of a library")
"""


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


@pytest.mark.parametrize(("level", "priority"), [("CRITICAL", 2), ("WARNING", 4), ("INFO", 6), ("DEBUG", 7), (25, 6)])
def test_the_journal_gets_priorities_on_every_line(level: str | int, priority: int) -> None:
    number = level if isinstance(level, int) else logging.getLevelNamesMapping()[level]
    failure = ValueError("bad")
    record = logging.LogRecord("peer", number, "x.py", 1, "failed", (), (ValueError, failure, None))
    lines = JournalFormatter("%(name)s: %(message)s").format(record).splitlines()
    assert lines == [f"<{priority}>peer: failed", f"<{priority}>ValueError: bad"]


def as_json(record: logging.LogRecord) -> dict[str, Any]:
    """The one line that a record becomes, read."""
    (line,) = JsonFormatter().format(record).splitlines()
    assert line.isascii()
    return dict(json.loads(line))


def test_json_tells_time_level_logger_and_message() -> None:
    record = logging.LogRecord("qmfagent.peers", logging.WARNING, "x.py", 1, "site %s is away", ("lyon",), None)
    record.created = 1795544926.051
    assert as_json(record) == {
        "time": "2026-11-24T18:28:46.051+00:00",
        "level": "warning",
        "logger": "qmfagent.peers",
        "message": "site lyon is away",
    }


@given(st.text())
def test_no_text_makes_a_second_line_of_json(text: str) -> None:
    record = logging.LogRecord("peer", logging.INFO, "x.py", 1, "%s", (text,), None)
    assert as_json(record)["message"] == text


def test_json_names_the_running_trace() -> None:
    record = logging.LogRecord("peer", logging.INFO, "x.py", 1, "done", (), None)
    with span("work", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        assert as_json(record)["trace"] == "0af7651916cd43dd8448eb211c80319c"
    assert "trace" not in as_json(record)


def test_json_has_a_traceback_as_text() -> None:
    try:
        raise ValueError("bad\nthing")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    told = as_json(logging.LogRecord("peer", logging.ERROR, "x.py", 1, "failed", (), info))
    assert told["message"] == "failed"
    assert told["exception"].endswith("ValueError: bad\nthing")


def test_json_has_the_audit_as_values(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "qmfagent.audit")
    audit(AuditLine("CN=bob\n", "Ticket.pin", "Ticket:T", "T", "paris", {"change": 7}, "forbidden", "ab"))
    (record,) = caplog.records
    told = as_json(record)
    assert (told["logger"], told["message"]) == ("qmfagent.audit", "Ticket.pin: forbidden")
    assert told["audit"] == json.loads(record.getMessage())
    assert told["audit"]["who"] == "CN=bob\n"


def test_the_journal_gets_priorities_before_json_too() -> None:
    record = logging.LogRecord("peer", logging.WARNING, "x.py", 1, "a\nb", (), None)
    line = JsonFormatter(priorities=True).format(record)
    assert line.startswith('<4>{"time"')
    assert json.loads(line[3:])["message"] == "a\nb"


def test_the_site_is_in_every_line_once_it_is_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.RootLogger(logging.INFO)
    monkeypatch.setattr(logging, "root", root)
    monkeypatch.setattr(logging.Logger, "root", root)
    log.configure_logging("INFO", form=log.JSON)
    root.info("first")
    log.name_site("paris")
    root.info("second")
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["message"], line.get("site")) for line in told] == [("first", None), ("second", "paris")]


def test_a_full_file_is_renamed_and_the_oldest_goes(tmp_path: Path) -> None:
    file = tmp_path / "log"
    subprocess.run([sys.executable, "-c", _MANY, file], check=True, timeout=30)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    assert all(0 < path.stat().st_size < 1100 for path in tmp_path.iterdir())
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}
    assert file.read_text().endswith("the last words of a library")
    newest = "".join((tmp_path / name).read_text() for name in ("log.2", "log.1", "log"))
    assert "line 99" in newest
    assert "line 10\n" not in newest
