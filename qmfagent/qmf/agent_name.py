"""The name of an agent, `vendor:product:instance`.

Rules of this file: a value. Its parts are words of routing keys, and consoles take the name apart at its colons.
Source: qpid-cpp src/qpid/management/ManagementAgent.cpp (setName).
"""

from __future__ import annotations

from dataclasses import dataclass

from qmfagent.errors import ConfigError


@dataclass(frozen=True, slots=True)
class AgentName:
    """The three parts of a name; `str()` joins them. Raises ConfigError where they can't name an agent."""

    vendor: str
    product: str
    instance: str

    def __post_init__(self) -> None:
        if not (self.vendor and self.product and self.instance) or ":" in self.vendor + self.product:
            raise ConfigError(
                f"{self} can't name an agent",
                hint="vendor, product and instance must not be empty, vendor and product have no colon",
            )

    @property
    def parts(self) -> tuple[str, str, str]:
        """Vendor, product and instance."""
        return self.vendor, self.product, self.instance

    def __str__(self) -> str:
        return ":".join(self.parts)
