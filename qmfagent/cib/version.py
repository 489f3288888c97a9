"""The version of a CIB: which of two documents is newer.

Source: Pacemaker Explained, "Configuration version"; admin_epoch is the administrator's, epoch counts configuration
changes, num_updates counts status changes since the last configuration change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from qmfagent.errors import CibError

_FORM = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,18})")


@dataclass(frozen=True, order=True, slots=True)
class Version:
    """admin_epoch, epoch and num_updates; ordered as Pacemaker orders them."""

    admin_epoch: int
    epoch: int
    num_updates: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read "admin_epoch.epoch.num_updates". Raises CibError."""
        match = _FORM.fullmatch(text)
        if not match:
            raise CibError(f"{text!r} is no CIB version", hint="it has the form admin_epoch.epoch.num_updates")
        return cls(*map(int, match.groups()))

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> Version:
        """Read the three attributes of a cib, source or target element; a missing one is 0. Raises CibError."""
        return cls.parse(".".join(attributes.get(name, "0") for name in ("admin_epoch", "epoch", "num_updates")))

    def attributes(self) -> dict[str, str]:
        """The version as attributes of a cib, source or target element."""
        return {
            "admin_epoch": str(self.admin_epoch),
            "epoch": str(self.epoch),
            "num_updates": str(self.num_updates),
        }

    def after_configuration_change(self) -> Version:
        """The version that Pacemaker gives a CIB when its configuration changes."""
        return Version(self.admin_epoch, self.epoch + 1, 0)

    def after_status_change(self) -> Version:
        """The version that Pacemaker gives a CIB when its status alone changes."""
        return Version(self.admin_epoch, self.epoch, self.num_updates + 1)

    def __str__(self) -> str:
        return f"{self.admin_epoch}.{self.epoch}.{self.num_updates}"
