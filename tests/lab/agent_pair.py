"""Two sites with an agent in each, and what is true of both together.

    with AgentPair(lab, folder, site_files) as pair:
        pair.given(configuration_of_a, configuration_of_b)
        pair.a.grant("T")
        pair.b.event("applied", ticket="T")

Rules of this file: as in agents.py; what both sites are to have is worked out here, from what cibadmin shows, and never asked
of an agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from qmfagent.cib.closure.closure import closure
from qmfagent.errors import UnknownTicket
from tests.certificates import CertificateAuthority, write_signing_keys
from tests.lab.agents import WAIT, AgentSite, until
from tests.lab.lab import Lab


class AgentPair:
    """Sites A and B of the lab with their agents, and what is true of both together."""

    def __init__(self, lab: Lab, folder: Path, site_files: Mapping[str, str]) -> None:
        """`folder` takes the configurations; `site_files` gives each site's own values."""
        authority = CertificateAuthority(folder, "ca")
        for name in ("sitea", "siteb"):
            write_signing_keys(folder, name)
        self.lab = lab
        self.a, self.b = (AgentSite(lab, name, folder, authority, site_files[name]) for name in ("sitea", "siteb"))

    def __enter__(self) -> Self:
        """Start both agents. None is left behind, to be in the way of other tests, where that fails."""
        try:
            self.ensure_agents()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End both agents, and what looks at them."""
        for site in (self.b, self.a):
            site.close()

    def ensure_agents(self) -> None:
        """Start the agents that do not run, and wait until both do and see each other."""
        for site in (self.a, self.b):
            if not site.agent_runs:
                site.start_agent()
        for site in (self.a, self.b):
            site.wait_agent()
        for site in (self.a, self.b):
            until(lambda site=site: self._sees_peers(site), f"the peers of {site.name}{site.log_tail()}")

    def given(self, at_a: str, at_b: str) -> None:
        """Put both sites into a known state: these resources and constraints, no tickets, both agents running.

        The agents are new ones: what had been delivered, and is taken away here, would be a local edit to the old ones.
        """
        for site in (self.a, self.b):
            site.kill_agent()
            self.lab.run(site.name, ["cibadmin", "--delete", "--force", "--xpath=/cib/status/tickets"], check=False)
        for site, configuration in ((self.a, at_a), (self.b, at_b)):
            self.lab.reset(site.name)
            site.modify(configuration)
        self.ensure_agents()

    def converged(self, ticket: str, source: AgentSite, target: AgentSite) -> bool:
        """Whether the target's CIB has what it makes of the source's closure, and nothing else that depends on it."""
        wanted = target.mangled(closure(source.cib(), ticket))
        try:
            return closure(target.cib(), ticket).digest == wanted.digest
        except UnknownTicket:
            return False

    def wait_converged(self, ticket: str, source: AgentSite, target: AgentSite, seconds: float = WAIT) -> None:
        """Wait until they have converged."""
        try:
            until(lambda: self.converged(ticket, source, target), f"{target.name} like {source.name}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}{source.log_tail()}{target.log_tail()}") from None

    def _sees_peers(self, site: AgentSite) -> bool:
        (found,) = site.console.query("Site", site.name)
        return all(peer["connected"] for peer in found.peers)
