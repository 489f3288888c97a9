"""Whole numbers as people and browsers write them.

Rules of this file: pure. A text from outside may be of any length, so it is looked at before it is read: Python refuses to read
more than some thousand digits.
"""

from __future__ import annotations

LARGEST = 2**64 - 1
"""The largest number that the bus can carry."""


def whole_number(text: str) -> int | None:
    """The number from 0 to LARGEST that decimal digits name; None for any other text."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))):
        return None
    number = int(text)
    return number if number <= LARGEST else None
