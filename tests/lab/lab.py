"""Real Pacemaker sites side by side on one machine, joined by a switch whose cables can be pulled.

    with Lab(["sitea", "siteb"]) as lab:
        lab.run("sitea", ["cibadmin", "--query"])
        agent = lab.popen("siteb", ["python3", "-m", "qmfagent", ...])
        lab.cut("sitea")

Rules: the sites know each other by name. A site has one node, called SITE-n1, unless more are asked for; what is done with a
site by its name is done in its first living node, and nodes have names too. One network for all of them, 10.77.0.0/16, inside a
namespace of its own, so that the host's network is never touched and labs don't meet; the host itself can't reach the sites: a
client is started inside one, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.lab.namespace import Namespace, SiteProcess
from tests.lab.node import Node
from tests.lab.site import Site

_PREFIX = "qmfagent-lab-"


class Lab:
    """Pacemaker sites by name. Use as a context manager; entering takes about four seconds for two sites."""

    def __init__(
        self, sites: Sequence[str], nodes: Mapping[str, int] | None = None, binds: Sequence[tuple[Path, str]] = ()
    ) -> None:
        """`sites` are the names of the clusters, in the order of their addresses (10.77.0.1 and on).

        `nodes` are how many nodes a site has, where that is not one; `binds` directories that all nodes have in other places.
        """
        self.names = list(sites)
        self._nodes = nodes or {}
        self._binds = binds
        self._sites: dict[str, Site] = {}
        self._switch: Namespace | None = None
        self._root: Path | None = None

    def __enter__(self) -> Self:
        """Start all clusters, in parallel; returns when each has a DC."""
        _remove_abandoned()
        self._root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        try:
            self._switch = Namespace("switch")
            self._switch.run(["ip", "link", "add", "br0", "type", "bridge"])
            self._switch.run(["ip", "link", "set", "br0", "up"])
            addresses = {
                name: [f"10.77.{number}.{index}" for number in range(self._nodes.get(name, 1))]
                for index, name in enumerate(self.names, start=1)
            }
            hosts = self._root / "hosts"
            known = {"localhost": "127.0.0.1", **{name: own[0] for name, own in addresses.items()}}
            hosts.write_text("".join(f"{address} {name}\n" for name, address in known.items()))
            for name, own in addresses.items():
                self._sites[name] = site = Site(name, own, self._root / name, hosts, self._binds)
                for node in site.nodes:
                    self.plug(node.name, node.address, node.namespace)
            with ThreadPoolExecutor() as pool:
                list(pool.map(Site.start_cluster, self._sites.values()))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Kill all sites and remove every file of the lab. May be called more than once."""
        for site in self._sites.values():
            site.close()
        self._sites.clear()
        if self._switch:
            self._switch.close()
        if self._root:
            shutil.rmtree(self._root, ignore_errors=True)

    def pid(self, site: str) -> int:
        """Host PID of the init process of the namespaces of `site` (a site or a node), for nsenter(1)."""
        return self._node(site).namespace.pid

    @property
    def switch_pid(self) -> int:
        """Host PID of the init process of the namespace that holds the switch; each node's port is named like the node."""
        assert self._switch
        return self._switch.pid

    def address(self, site: str) -> str:
        """IPv4 address of `site` (a site or a node) on the switch."""
        return self._node(site).address

    def floating_address(self, site: str) -> str:
        """An IPv4 address on the switch that no node of `site` has, for a resource of its cluster."""
        return f"10.77.100.{self.names.index(site) + 1}"

    def node(self, site: str) -> str:
        """Name of the first living node of `site`."""
        return self._node(site).name

    def argv(self, site: str, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` inside `site`, for a process API of the caller's own."""
        return self._node(site).namespace.argv(command)

    def run(
        self, site: str, command: Sequence[str], *, input: str | None = None, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` inside `site` to its end; see `Namespace.run`."""
        return self._node(site).namespace.run(command, input=input, check=check, timeout=timeout)

    def popen(self, site: str, command: Sequence[str], **options: Any) -> SiteProcess:
        """Start `command` inside `site`; signals sent to what is returned reach the command itself."""
        return self._node(site).namespace.popen(command, **options)

    def cut(self, site: str) -> None:
        """Pull the network cables of `site` (a site or a node); its cluster goes on."""
        self._link(site, "down")

    def join(self, site: str) -> None:
        """Put the network cables of `site` (a site or a node) back."""
        self._link(site, "up")

    def kill(self, node: str) -> None:
        """Take the power from a node: everything in it ends at once."""
        self._node(node).close()

    def boot(self, node: str) -> None:
        """Give the power back to a node, with the disks it had, and wait until it is online and sees the others of its site."""
        booted = self._node(node)
        booted.boot()
        self.plug(booted.name, booted.address, booted.namespace)
        booted.start_cluster()
        next(site for site in self._sites.values() if booted in site.nodes).wait_together()

    def stop_cluster(self, site: str) -> None:
        """Stop Pacemaker and corosync at `site`; other processes there go on."""
        self._sites[site].stop_cluster()

    def start_cluster(self, site: str) -> None:
        """Start them again and wait for the DC."""
        self._sites[site].start_cluster()

    def wait_idle(self, site: str) -> None:
        """Wait until the cluster of `site` has nothing left to do."""
        self._sites[site].wait_idle()

    def reset(self, site: str) -> None:
        """Empty the site's resources, constraints, tags and tickets, and wait until the cluster is idle."""
        self.run(site, ["cibadmin", "--delete", "--force", "--xpath=/cib/configuration/tags"], check=False)
        for section in ("constraints", "resources"):
            self.run(site, ["cibadmin", "--replace", f"--scope={section}", f"--xml-text=<{section}/>"])
        self.run(site, ["cibadmin", "--delete", "--force", "--xpath=/cib/status/tickets"], check=False)
        self.wait_idle(site)

    def _node(self, name: str) -> Node:
        """The node of that name, or the first living one of the site of that name."""
        if name in self._sites:
            return self._sites[name].first
        return next(node for site in self._sites.values() for node in site.nodes if node.name == name)

    def plug(self, name: str, address: str, machine: Namespace) -> None:
        """Connect a machine to the switch, at a port of that name; the cable goes with the machine."""
        assert self._switch
        pid = str(machine.pid)
        # The kernel takes its time to remove the cable of a machine of that name that is gone.
        self._switch.run(["ip", "link", "delete", name], check=False)
        # ip(8) looks the PID up in its own /proc, which only the host's mount namespace can offer.
        subprocess.run(
            ["nsenter", "-t", str(self._switch.pid), "-n", "--",
             "ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", pid],
            check=True,
        )  # fmt: skip
        self._switch.run(["ip", "link", "set", name, "master", "br0", "up"])
        machine.run(["ip", "addr", "add", f"{address}/16", "dev", "eth0"])
        machine.run(["ip", "link", "set", "eth0", "up"])

    def _link(self, site: str, state: str) -> None:
        assert self._switch
        nodes = self._sites[site].nodes if site in self._sites else [self._node(site)]
        for node in nodes:
            if node.alive:
                self._switch.run(["ip", "link", "set", node.name, state])


def _remove_abandoned() -> None:
    """Remove the directories of labs whose owner was killed; their processes died with it."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = directory.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(directory, ignore_errors=True)
