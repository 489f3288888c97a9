"""What a node of a cluster is to what may run on it, in one word.

Rules of this file: pure. What keeps more from running comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OFFLINE, STANDBY, MAINTENANCE, ONLINE = "offline", "standby", "maintenance", "online"


def node_state(values: Mapping[str, Any]) -> str:
    """The state that the values of a Node object tell of; an agent of 0.1.0 tells of no maintenance."""
    if not values["online"]:
        return OFFLINE
    if values["standby"]:
        return STANDBY
    return MAINTENANCE if values.get("maintenance", False) else ONLINE
