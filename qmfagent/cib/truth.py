"""What counts as true in a CIB.

Rules of this file: pure; case does not matter, and what is no word of truth is false.
Source: Pacemaker, lib/common/strings.c (crm_str_to_boolean).
"""

from __future__ import annotations

_TRUE = frozenset({"true", "on", "yes", "y", "1"})


def is_true(text: str) -> bool:
    """Whether a text, such as the value of an attribute, says yes."""
    return text.lower() in _TRUE
