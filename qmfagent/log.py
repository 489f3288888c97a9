"""The log of the process, on standard error: one record a line.

Rules of this file: what is logged may quote what peers and files say, so control characters are escaped; nobody can forge
a line of the log, least of all one of the audit.
"""

from __future__ import annotations

import logging
import re

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class LineFormatter(logging.Formatter):
    """Formats a record as one line; a traceback, which is ours, follows in lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """The line without traceback, control characters escaped."""
        return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), super().formatMessage(record))


def configure_logging(level: str) -> None:
    """Log records from `level` (DEBUG, INFO, WARNING) on to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(_FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
    # It tells at level info of every change of a file that it sees.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
