"""Regular expressions from peers, with an upper bound on the work they cause.

Rules of this file: Python's `re` backtracks, and a hostile pattern could keep the agent busy for years. So a pattern
is short, has no backreference, look-around or inline flag, and never repeats a group. Then its work on a subject of n
characters is at most comb(n + r + 1, r + 1) * 2^b steps, for r repeats (* + {}) and b branches (? |), which are taken from a
budget before it is searched.
"""

from __future__ import annotations

import re
from math import comb

from qmfagent.errors import ProtocolError
from qmfagent.qmf.budget import Budget
from qmfagent.qmf.fields import shown

MAX_PATTERN = 256
MAX_SUBJECT = 1024

_TOKEN = re.compile(r"\\(?P<escaped>.)|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<extension>\(\?(?!:))|(?P<other>.)", re.DOTALL)


class BoundedPattern:
    """A regular expression that is searched in many subjects, within a budget."""

    def __init__(self, text: str, budget: Budget) -> None:
        """Compile `text`. Raises ProtocolError where it is no regular expression, or one that has no bound."""
        if len(text) > MAX_PATTERN:
            raise ProtocolError(f"re_match: the pattern has {len(text)} characters", hint=f"at most {MAX_PATTERN}")
        self._text = text
        self._repeats, self._branches = _choices(text)
        self._budget = budget
        try:
            self._regex = re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            raise ProtocolError(f"re_match: pattern {shown(text)}: {error}") from error

    def search(self, subject: str) -> bool:
        """Whether the pattern occurs in `subject`. Raises ProtocolError for a long subject or a spent budget."""
        length = len(subject)
        if length > MAX_SUBJECT:
            raise ProtocolError(
                f"re_match: a value of {length} characters is too long to search", hint=f"at most {MAX_SUBJECT}"
            )
        self._budget.spend(comb(length + self._repeats + 1, self._repeats + 1) << self._branches)
        return self._regex.search(subject) is not None


def _choices(text: str) -> tuple[int, int]:
    """Count (repeats, branches) of a pattern; raises ProtocolError for what would leave it without a bound."""
    repeats = branches = 0
    before = ""
    for token in _TOKEN.finditer(text):
        if token["extension"] or (token["escaped"] or "").isdigit():
            raise ProtocolError(
                f"re_match: pattern {shown(text)} has {shown(token[0])}", hint="leave out backreferences and (?...)"
            )
        now = token["other"] or ""
        if now and before == ")" and now in "*+?{":
            raise ProtocolError(f"re_match: pattern {shown(text)} repeats a group", hint="leave out the repeat")
        repeats += now in ("*", "+", "{")
        branches += now in ("?", "|")
        before = now
    return repeats, branches
