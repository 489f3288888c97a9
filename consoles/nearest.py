"""What somebody may have meant who wrote a name that nobody has.

Rules of this file: pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(name: str, known: Iterable[str], what: str) -> str:
    """ "did you mean 'paris'? sites are: lyon, paris", where `what` is "sites are"; without the question where none is near."""
    known = sorted(known)
    folded = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), folded, n=1)
    question = f"did you mean {folded[near[0]]!r}? " if near else ""
    return f"{question}{what}: {', '.join(known) or 'none'}"
