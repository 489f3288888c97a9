"""Pacemaker's scores: integers in which a million is infinity.

Rules of this file: pure; what is no number is 0, as it is for Pacemaker.
Source: Pacemaker Explained, "Scores"; lib/common/scores.c (char2score, pcmk__add_scores) of Pacemaker 2.1.
"""

from __future__ import annotations

import re

INFINITY = 1_000_000

_number = re.compile(r"\s*([+-]?)0*([0-9]*)")


def score(text: str) -> int:
    """The score that a text stands for, from -INFINITY to INFINITY."""
    if text in ("INFINITY", "+INFINITY"):
        return INFINITY
    if text == "-INFINITY":
        return -INFINITY
    found = _number.match(text)
    assert found is not None
    sign, digits = found.groups()
    amount = INFINITY if len(digits) > len(str(INFINITY)) else min(int(digits or "0"), INFINITY)
    return -amount if sign == "-" else amount
