"""The audit: one line of JSON for every write that somebody asked this agent for, done or refused.

Rules of this file: a line says who, what, on what, with which arguments, and what came of it; it goes to the logger
`qmfagent.audit` at level info. Control characters are escaped by JSON.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

DONE = "done"

_log = logging.getLogger("qmfagent.audit")


def audit(who: str, what: str, on: str, arguments: Mapping[str, Any], result: str) -> None:
    """Write one line.

    `who` is the identity that the bus vouches for, or `automatic`; `what` is Class.method; `on` the object's name;
    `result` is `done`, or the reason of a refusal or failure.
    """
    line = {"who": who, "what": what, "on": on, "arguments": dict(arguments), "result": result}
    _log.info("%s", json.dumps(line, default=str))
