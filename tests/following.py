"""How a ticket is followed, as the parts that show it are told."""

from __future__ import annotations

from typing import Any


def following(ticket: str) -> dict[str, Any]:
    """By hand, as every ticket is that nothing was configured for."""
    return {
        "mode": "manual",
        "on_drift": "keep",
        "paused": False,
        "pinned": 0,
        "next_run": 0,
        "drilled_at": 0,
        "drill_failures": 0,
    }
