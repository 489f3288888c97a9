"""The audit: one line of JSON for every write that somebody asked this agent for, done or refused.

Rules of this file: a line says who, what, on what, with which arguments, what came of it, and in which trace; it goes to the
logger `qmfagent.audit` at level info, as text and as values. It holds no secret: whoever writes one hides them before. Control
characters are escaped by JSON.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from qmfagent.log import AUDIT

DONE = "done"

_log = logging.getLogger("qmfagent.audit")


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line, its keys being these.

    `who` is the identity that the bus vouches for, or `automatic`; `what` is Class.method; `on` the object's name; `ticket`
    is null where a call concerns none, or can't be said to; `result` is `done`, or the reason of a refusal or failure;
    `trace` the trace id, the same in the lines of every agent that took part.
    """

    who: str
    what: str
    on: str
    ticket: str | None
    site: str
    arguments: Mapping[str, Any]
    result: str
    trace: str


def audit(line: AuditLine) -> None:
    """Write one line."""
    values = asdict(line)
    _log.info("%s", json.dumps(values, default=str), extra={AUDIT: values})
