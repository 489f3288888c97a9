"""Events and what is announced between them, in words that every console uses.

Rules of this file: pure.
"""

from __future__ import annotations

from consoles.values import Gap, SiteFound, SiteLost
from qmfagent.qmf.opcodes import SEVERITIES

EVENTS = (
    "config_changed",
    "ticket_changed",
    "resource_changed",
    "published",
    "publish_failed",
    "in_sync",
    "planned",
    "applying",
    "applied",
    "apply_failed",
    "rolled_back",
    "drift_found",
    "drift_cleared",
    "drift_healed",
    "hold_changed",
    "drill_done",
    "standing",
)
"""The names of the events."""


def severity_word(severity: int) -> str:
    """The word for a severity, 0 to 7; the number itself for any other."""
    return SEVERITIES[severity] if 0 <= severity < len(SEVERITIES) else str(severity)


def told(item: Gap | SiteLost | SiteFound) -> str:
    """What is announced, in a few words."""
    if isinstance(item, Gap):
        missed = "some events are" if item.missed is None else f"{item.missed} event(s) are"
        return f"{missed} missing here ({item.site or item.url}): {item.reason}"
    return f"site {item.site} is {'lost' if isinstance(item, SiteLost) else 'found'}"
