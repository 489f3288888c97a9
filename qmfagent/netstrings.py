"""Texts put together so that no two lists of them have the same bytes: what signatures are over.

Source: netstrings (D. J. Bernstein, 1997).
"""

from __future__ import annotations

from collections.abc import Iterable


def netstrings(texts: Iterable[str]) -> bytes:
    """The texts in UTF-8, each with its length in front."""
    return b"".join(b"%d:%b," % (len(data), data) for data in (text.encode() for text in texts))
