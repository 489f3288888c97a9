"""What is between made-up sites: who reaches whom, what time it is, and all that was ever published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qmfagent.replication.publishing.publication import Publication

if TYPE_CHECKING:
    from tests.model.site import Site

DAY = 86_400


class Network:
    """All sites. One that is alone in `apart` reaches nobody, and nobody reaches it."""

    def __init__(self) -> None:
        self.sites: dict[str, Site] = {}
        self.apart: set[str] = set()
        self.down: set[str] = set()
        self.published: list[Publication] = []
        self._seconds = 1_000_000

    def reached_by(self, site: Site) -> list[Site]:
        """The other sites that a site reaches now."""
        if site.name in self.apart:
            return []
        return [each for name, each in self.sites.items() if name not in {site.name} | self.apart | self.down]

    def others(self, site: Site) -> list[str]:
        """The names of all other sites."""
        return [name for name in self.sites if name != site.name]

    def claiming(self, site: Site) -> list[Site]:
        """The sites that hold the ticket, of the site itself and those that it reaches."""
        return [each for each in (site, *self.reached_by(site)) if each.holds]

    def now(self) -> float:
        """Seconds since the epoch."""
        return float(self._seconds)

    def tick(self) -> int:
        """The same, later than ever before."""
        self._seconds += 1
        return self._seconds

    def moment(self) -> int:
        """The same in nanoseconds."""
        return self._seconds * 1_000_000_000

    def rest(self) -> None:
        """Let a day pass."""
        self._seconds += DAY
