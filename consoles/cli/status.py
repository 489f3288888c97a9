"""The exit statuses of qmfconsole, as docs/reference/cli.md lists them."""

from __future__ import annotations

from consoles.reasons import reason_of
from qmfagent.errors import ConnectionLost, QmfAgentError, Refused, RequestTimeout

DONE = 0
ERROR = 1
CHANGES = 2
REFUSED = 3
UNREACHABLE = 4
USAGE = 64
INTERRUPTED = 130


def status_of(error: QmfAgentError) -> int:
    """The exit status that an error ends in."""
    if isinstance(error, ConnectionLost | RequestTimeout):
        return UNREACHABLE
    if isinstance(error, Refused) or reason_of(error):
        return REFUSED
    return ERROR
