"""Who may write. Reading is open to whoever the listener lets in; everything else is denied unless it is listed.

Rules of this file: an identity is what the connection proved (a certificate's subject), or `anonymous`; methods that only
read are named here, and every other method, whatever is added later, counts as writing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from qmfagent.errors import Refused

READING = frozenset({("Site", "query"), ("Site", "publication"), ("Site", "plan")})


def writes(class_name: str, method: str) -> bool:
    """Whether a method can change anything."""
    return (class_name, method) not in READING


@dataclass(frozen=True, slots=True)
class Access:
    """The identities that may call methods that write."""

    writers: Collection[str] = frozenset()

    def check(self, identity: str, class_name: str, method: str) -> None:
        """Raise Refused (forbidden) unless `identity` may call the method."""
        if writes(class_name, method) and identity not in self.writers:
            raise Refused(
                "forbidden",
                f"{identity!r} may not call {class_name}.{method} here",
                hint=f"to allow it, put {identity!r} into 'write' under [access] in this agent's configuration",
            )
