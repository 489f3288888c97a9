"""Real Pacemaker sites side by side on one machine, joined by a switch whose cables can be pulled.

    with Lab(["sitea", "siteb"]) as lab:
        lab.run("sitea", ["cibadmin", "--query"])
        agent = lab.popen("siteb", ["python3", "-m", "qmfagent", ...])
        lab.cut("sitea")

Rules: the sites know each other by name. One network for all of them, 10.77.0.0/24, inside a namespace of its own, so that
the host's network is never touched and labs don't meet; the host itself can't reach the sites: a client is started inside
one, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.lab.namespace import Namespace, SiteProcess
from tests.lab.site import Site

_PREFIX = "qmfagent-lab-"


class Lab:
    """Pacemaker sites by name. Use as a context manager; entering takes about four seconds for two sites."""

    def __init__(self, sites: Sequence[str]) -> None:
        """`sites` are the names of the clusters, in the order of their addresses (10.77.0.1 and on)."""
        self.names = list(sites)
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
            addresses = {name: f"10.77.0.{index}" for index, name in enumerate(self.names, start=1)}
            hosts = self._root / "hosts"
            hosts.write_text("".join(f"{a} {n}\n" for n, a in {"localhost": "127.0.0.1", **addresses}.items()))
            for name, address in addresses.items():
                self._sites[name] = site = Site(name, address, self._root / name, hosts)
                self._plug(site)
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
        """Host PID of the init process of `site`'s namespaces, for nsenter(1)."""
        return self._sites[site].namespace.pid

    @property
    def switch_pid(self) -> int:
        """Host PID of the init process of the namespace that holds the switch; each site's port is named like the site."""
        assert self._switch
        return self._switch.pid

    def address(self, site: str) -> str:
        """IPv4 address of `site` on the switch."""
        return self._sites[site].address

    def node(self, site: str) -> str:
        """Name of the one node of `site`."""
        return self._sites[site].node

    def argv(self, site: str, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` inside `site`, for a process API of the caller's own."""
        return self._sites[site].namespace.argv(command)

    def run(
        self, site: str, command: Sequence[str], *, input: str | None = None, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` inside `site` to its end; see `Namespace.run`."""
        return self._sites[site].namespace.run(command, input=input, check=check, timeout=timeout)

    def popen(self, site: str, command: Sequence[str], **options: Any) -> SiteProcess:
        """Start `command` inside `site`; signals sent to what is returned reach the command itself."""
        return self._sites[site].namespace.popen(command, **options)

    def cut(self, site: str) -> None:
        """Pull the network cable of `site`; its cluster goes on."""
        self._link(site, "down")

    def join(self, site: str) -> None:
        """Put the network cable of `site` back."""
        self._link(site, "up")

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

    def _plug(self, site: Site) -> None:
        assert self._switch
        pid = str(site.namespace.pid)
        # ip(8) looks the PID up in its own /proc, which only the host's mount namespace can offer.
        subprocess.run(
            ["nsenter", "-t", str(self._switch.pid), "-n", "--",
             "ip", "link", "add", site.name, "type", "veth", "peer", "name", "eth0", "netns", pid],
            check=True,
        )  # fmt: skip
        self._switch.run(["ip", "link", "set", site.name, "master", "br0", "up"])
        site.namespace.run(["ip", "addr", "add", f"{site.address}/24", "dev", "eth0"])
        site.namespace.run(["ip", "link", "set", "eth0", "up"])

    def _link(self, site: str, state: str) -> None:
        assert self._switch
        self._switch.run(["ip", "link", "set", self._sites[site].name, state])


def _remove_abandoned() -> None:
    """Remove the directories of labs whose owner was killed; their processes died with it."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = directory.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(directory, ignore_errors=True)
