"""A site whose own cluster runs its agent, on whichever node, as docs/howto/pacemaker-managed.md has it.

Rules of this file: the agents are what `make install` installed. That of A is reached at an address that moves with it, and
from the other site, since a console on one of its nodes would die with the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lxml import etree

from tests.certificates import CertificateAuthority, write_signing_keys
from tests.installation import PREFIX
from tests.lab.agent_pair import AgentPair
from tests.lab.agents import WAIT, AgentSite, until
from tests.lab.lab import Lab

AGENT = "agent"
BINARY = f"{PREFIX}/bin/qmfagent"

_RESOURCES = """\
<resources>
  <primitive id="agent-ip" class="ocf" provider="heartbeat" type="IPaddr2">
    <meta_attributes id="agent-ip-ma">
      <nvpair id="agent-ip-sticks" name="resource-stickiness" value="1000"/>
    </meta_attributes>
    <instance_attributes id="agent-ip-ia">
      <nvpair id="agent-ip-ip" name="ip" value="{address}"/>
      <nvpair id="agent-ip-cidr" name="cidr_netmask" value="16"/>
    </instance_attributes>
  </primitive>
  <clone id="agent-clone">
    <meta_attributes id="agent-clone-ma">
      <nvpair id="agent-clone-promotable" name="promotable" value="true"/>
      <nvpair id="agent-clone-max" name="clone-max" value="1"/>
    </meta_attributes>
    <primitive id="agent" class="ocf" provider="qmfagent" type="replicator">
      <instance_attributes id="agent-ia">
        <nvpair id="agent-config" name="config" value="{config}"/>
        <nvpair id="agent-ticket" name="ticket" value="{ticket}"/>
        <nvpair id="agent-binary" name="binary" value="{binary}"/>
        <nvpair id="agent-log" name="log" value="{log}"/>
      </instance_attributes>
      <operations>
        <op id="agent-start" name="start" interval="0s" timeout="20s"/>
        <op id="agent-monitor" name="monitor" interval="2s" role="Promoted"/>
        <op id="agent-watch" name="monitor" interval="3s" role="Unpromoted"/>
      </operations>
    </primitive>
  </clone>
</resources>
<constraints>
  <rsc_colocation id="agent-with-ip" rsc="agent-clone" with-rsc="agent-ip" score="INFINITY"/>
  <rsc_order id="ip-then-agent" first="agent-ip" then="agent-clone"/>
  <rsc_ticket id="ticket-agent" rsc="agent-clone" rsc-role="Promoted" ticket="{ticket}" loss-policy="demote"/>
</constraints>
"""


class ManagedSite(AgentSite):
    """A site with its agent as a resource of its cluster, promoted with `ticket`."""

    def __init__(
        self,
        lab: Lab,
        name: str,
        folder: Path,
        authority: CertificateAuthority,
        site_file: str,
        *,
        addresses: Mapping[str, str],
        journal: Path | None,
        ticket: str,
        console_at: str,
    ) -> None:
        """As AgentSite. `journal` is its file, None for one in memory; `console_at` the site that the console is in."""
        more = f'\n[journal]\nfile = "{journal}"\n' if journal else ""
        super().__init__(lab, name, folder, authority, site_file, addresses=addresses, more=more)
        self._console_at = console_at
        self._log.touch()
        self.resources = _RESOURCES.format(
            address=addresses[name], config=self._config, ticket=ticket, binary=BINARY, log=self._log
        )

    def start_agent(self) -> None:
        """Put its resources into the CIB; `wait_agent` waits for it."""
        self.modify(self.resources)

    def wait_agent(self) -> None:
        """Wait until the cluster has started it, and it answers."""
        until(lambda: self.agent_runs, f"the agent of {self.name}{self.log_tail()}")
        super().wait_agent()

    @property
    def agent_runs(self) -> bool:
        """Whether the cluster says that it runs."""
        return self.placed() is not None

    def placed(self) -> tuple[str, str] | None:
        """The node that the agent runs on and its role there, as crm_mon shows them; None where it does not run, or not yet."""
        shown = etree.fromstring(self.run("crm_mon", "-1", "--output-as=xml").encode())
        for resource in shown.iterfind(f".//resources//resource[@id='{AGENT}']"):
            node = resource.find("node")
            if (
                resource.get("role") in ("Promoted", "Unpromoted")
                and resource.get("failed") == "false"
                and node is not None
            ):
                return str(node.get("name")), str(resource.get("role"))
        return None

    def wait_placed(self, node: str, role: str, seconds: float = WAIT) -> None:
        """Wait until the agent runs on this node in this role."""
        try:
            until(lambda: self.placed() == (node, role), f"the agent of {self.name} {role} on {node}", seconds)
        except AssertionError as error:
            shown = self.run("crm_mon", "-1", "--inactive", "--failcounts", check=False)
            raise AssertionError(f"{error}; it is {self.placed()}\n{shown}{self.log_tail()}") from None

    def standby(self, node: str, on: bool = True) -> None:
        """Let a node run nothing, or let it run resources again."""
        value = "on" if on else "off"
        self.run("crm_attribute", "--node", node, "--name", "standby", "--update", value)

    def close(self) -> None:
        """End the console, and take the agent out of the cluster."""
        super().close()
        self._lab.reset(self.name)


class ManagedPair(AgentPair):
    """Site A, whose cluster runs its agent, and site B with an agent as AgentSite has it."""

    def __init__(
        self, lab: Lab, folder: Path, site_files: Mapping[str, str], journal: Path | None, ticket: str
    ) -> None:
        """As AgentPair; `journal` and `ticket` are those of site A's agent."""
        authority = CertificateAuthority(folder, "ca")
        for name in lab.names:
            write_signing_keys(folder, name)
        self.lab = lab
        addresses = {"sitea": lab.floating_address("sitea"), "siteb": lab.address("siteb")}
        self.managed = ManagedSite(
            lab, "sitea", folder, authority, site_files["sitea"],
            addresses=addresses, journal=journal, ticket=ticket, console_at="siteb",
        )  # fmt: skip
        self.a = self.managed
        self.b = AgentSite(lab, "siteb", folder, authority, site_files["siteb"], addresses=addresses)
        self.b.command = (BINARY,)
