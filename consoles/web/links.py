"""Links that sign in whoever opens them first: how a console without users is opened by the one who started it.

Rules of this file: one link is good at a time, and once. When it was used there is a new one, which is told where the console
was started.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

_BYTES = 32


class Links:
    """The one link that is good. `tell` is called with the token of each new one."""

    def __init__(self, tell: Callable[[str], None] = lambda token: None) -> None:
        self._tell = tell
        self._token = ""

    def renew(self) -> str:
        """Make another link the good one; its token."""
        self._token = secrets.token_urlsafe(_BYTES)
        self._tell(self._token)
        return self._token

    def use(self, token: str) -> bool:
        """Whether it is the token of the good link; it is not good any more then."""
        good = bool(self._token) and secrets.compare_digest(token.encode(errors="replace"), self._token.encode())
        if good:
            self.renew()
        return good
