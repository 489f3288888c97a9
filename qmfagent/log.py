"""The log of the process: on standard error, or in a file that never grows without bound; as text, or one JSON object a line.

Rules of this file: what is logged may quote what peers and files say, so control characters are escaped; nobody can forge
a line of the log, least of all one of the audit.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import socket
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from qmfagent.errors import ConfigError
from qmfagent.trace import current_trace, current_traceparent

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_JOURNAL_FORMAT = "%(levelname)s %(name)s: %(message)s"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG_PRIORITY = 7

TEXT, JSON = FORMATS = "text", "json"

AUDIT = "audit"
"""The attribute of a record under which the values of an audit line stand, for who takes them apart from each other."""
JOURNAL = "/run/systemd/journal/stdout"
"""Where systemd's journal takes lines."""
MAX_FILE = 10 * 1024 * 1024
"""Bytes of one file; a full one is renamed."""
OLD_FILES = 9


class LineFormatter(logging.Formatter):
    """Formats a record as one line; a traceback, which is ours, follows in lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """The line without traceback, control characters escaped."""
        return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), super().formatMessage(record))


class JournalFormatter(LineFormatter):
    """As LineFormatter, with the priority in front of each line, as systemd's journal takes it. Source: sd-daemon(3)."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines with their priorities."""
        priority = _priority(record)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object in one line of ASCII, with these keys.

    `time` (RFC 3339, UTC), `level`, `logger` and `message`; `site` once it is known, `trace` inside of one; `exception`, a
    traceback as text; `audit`, the values of an audit line, whose message names what was called and what came of it.
    """

    def __init__(self, *, priorities: bool = False) -> None:
        """With `priorities` in front of each line, as JournalFormatter has them."""
        super().__init__()
        self.site = ""
        self._priorities = priorities

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        audit = getattr(record, AUDIT, None)
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": f"{audit['what']}: {audit['result']}" if audit else record.getMessage(),
        }
        if self.site:
            entry["site"] = self.site
        if current_traceparent():
            entry["trace"] = current_trace()
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if audit:
            entry[AUDIT] = audit
        return (f"<{_priority(record)}>" if self._priorities else "") + json.dumps(entry, default=str)


class LogFile(RotatingFileHandler):
    """A file that is renamed to FILE.1 when it is full, FILE.1 to FILE.2 and so on; the oldest is deleted.

    Standard output and error go there too: what Python or a library says when the process dies would be lost otherwise.
    """

    def __init__(self, file: Path) -> None:
        """Raises OSError where the file can't be written, or can't be renamed."""
        if not os.access(file.absolute().parent, os.W_OK):
            raise OSError(errno.EACCES, "its directory can't be written, so that it can't be renamed when it is full")
        super().__init__(file, maxBytes=MAX_FILE, backupCount=OLD_FILES, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        stream = open(self.baseFilename, "a", encoding=self.encoding, opener=_open_private)  # noqa: SIM115
        for standard in (1, 2):
            os.dup2(stream.fileno(), standard)
        return stream


def configure_logging(level: str, file: Path | None = None, form: str = TEXT) -> None:
    """Log records from `level` (DEBUG, INFO, WARNING) on to standard error, or to a file, in one of FORMATS. Raises ConfigError
    for a file that can't be used."""
    try:
        handler = LogFile(file) if file else logging.StreamHandler()
    except OSError as error:
        raise ConfigError(
            f"the log {file} can't be used: {error.strerror}", hint="name one in a directory of the agent's user"
        ) from None
    handler.setFormatter(_formatter(form))
    logging.basicConfig(level=level, handlers=[handler])
    # It tells at level info of every change of a file that it sees.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


def name_site(site: str) -> None:
    """Name the site in every record from now on, where its form has a place for that."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, JsonFormatter):
            handler.formatter.site = site


def _formatter(form: str) -> logging.Formatter:
    journal = _is_journal()
    if form == JSON:
        return JsonFormatter(priorities=journal)
    return JournalFormatter(_JOURNAL_FORMAT) if journal else LineFormatter(_FORMAT)


def _priority(record: logging.LogRecord) -> int:
    """The priority of syslog that a record has."""
    return next((number for level, number in _PRIORITIES if record.levelno >= level), _DEBUG_PRIORITY)


def _open_private(path: str, flags: int) -> int:
    """Open a file that is this user's and this group's to read."""
    return os.open(path, flags, 0o640)


def _is_journal() -> bool:
    """Whether standard error goes to systemd's journal, which writes times itself.

    JOURNAL_STREAM would say so too (systemd.exec(5)), but not where systemd-cat of Debian 12 has made the connection.
    """
    try:
        with socket.fromfd(2, socket.AF_UNIX, socket.SOCK_STREAM) as error:
            return bool(error.getpeername() == JOURNAL)
    except OSError:
        return False
