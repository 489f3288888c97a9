"""One node of a site: its namespace, and in it corosync and Pacemaker.

Rules of this file: a node is a machine of its own, with a name, an address, a boot and files of its own; nothing waits longer
than its bound, and what ran out of time fails with the ends of the logs.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from uuid import uuid4

from lxml import etree

from tests.lab.namespace import Namespace, SiteProcess

_SEED = """\
<cib admin_epoch="0" epoch="1" num_updates="0" validate-with="pacemaker-3.9">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="cib-bootstrap-options-dc-deadtime" name="dc-deadtime" value="1s"/>
        <nvpair id="cib-bootstrap-options-stonith-enabled" name="stonith-enabled" value="false"/>
      </cluster_property_set>
    </crm_config>
    <nodes/>
    <resources/>
    <constraints/>
  </configuration>
  <status/>
</cib>
"""

_HA = "hacluster:haclient"
_START_SECONDS = 60.0
_STOP_SECONDS = 60.0


class Node:
    """One node. Its CIB is seeded with `dc-deadtime=1s`, so that a node alone becomes DC in seconds instead of twenty, and with
    `stonith-enabled=false`, since there is nothing to fence with."""

    def __init__(
        self, name: str, address: str, root: Path, hosts: Path, corosync: str, binds: Sequence[tuple[Path, str]]
    ) -> None:
        """Lay out the files of node `name` under `root` and make its namespace; the cluster is not started yet.

        `hosts` is its /etc/hosts, `corosync` the text of its corosync.conf, `binds` are directories that it has in other
        places.
        """
        self.name = name
        self.address = address
        self.logs = root / "log"
        cib = root / "pacemaker" / "cib"
        cib.mkdir(parents=True)
        (cib / "cib.xml").write_text(_SEED)
        for directory in ("corosync", "corosync-lib", "log"):
            (root / directory).mkdir()
        (root / "corosync" / "corosync.conf").write_text(corosync)
        self._root = root
        self._binds = [
            (root / "pacemaker", "/var/lib/pacemaker"),
            (root / "corosync-lib", "/var/lib/corosync"),
            (self.logs, "/var/log"),
            (root / "corosync", "/etc/corosync"),
            (hosts, "/etc/hosts"),
            (root / "boot_id", "/proc/sys/kernel/random/boot_id"),
            *binds,
        ]
        self._daemons: list[SiteProcess] = []
        self.boot()

    def boot(self) -> None:
        """Make the namespace, with the files that are there: a node that is switched on."""
        (self._root / "boot_id").write_text(f"{uuid4()}\n")
        self._daemons.clear()
        self.namespace = Namespace(
            self.name,
            tmpfs=["/dev/shm", "/run"],
            binds=self._binds,
            dirs=[
                ("/run/crm", _HA, "750"),
                ("/run/resource-agents", "", "755"),
                ("/var/log/pacemaker", _HA, "770"),
                ("/var/log/cluster", "", "755"),
                *((f"/var/lib/pacemaker/{name}", _HA, "750") for name in ("cib", "pengine", "blackbox", "cores")),
            ],
        )
        self.namespace.run(["chown", _HA, "/var/lib/pacemaker/cib/cib.xml"])
        self.alive = True

    def start_cluster(self) -> None:
        """Start corosync and Pacemaker and wait until this node is online and there is a DC. AssertionError after a minute."""
        self._spawn("corosync", "-f")
        self._wait("corosync", lambda: self.namespace.run(["corosync-cmapctl"], check=False).returncode == 0)
        self._spawn("pacemakerd")
        self.wait_online({self.name})

    def stop_cluster(self) -> None:
        """Stop Pacemaker as an administrator would, then corosync, and wait until both are gone."""
        while self._daemons:
            daemon = self._daemons[-1]
            daemon.terminate()
            try:
                daemon.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                raise AssertionError(
                    f"{self.name}: the cluster did not stop in {_STOP_SECONDS} s{self._tails()}"
                ) from None
            self._daemons.pop()

    def wait_online(self, names: Collection[str]) -> None:
        """Wait until this node sees a DC, and the nodes of these names online. AssertionError after a minute."""
        self._wait(f"a DC with {', '.join(sorted(names))} online", lambda: set(names) <= self._online())

    def wait_idle(self) -> None:
        """Wait until there is nothing to do, and this node is DC and idle, or another is DC. AssertionError after a minute."""
        # In this order: the DC is idle, too, while it has not seen the newest change yet.
        self._wait("idle DC", lambda: not self._has_to_do() and self._is_idle())

    def close(self) -> None:
        """Kill everything in the node at once, as a loss of power does."""
        self.alive = False
        self.namespace.close()
        for daemon in self._daemons:
            daemon.wait()

    def _spawn(self, *command: str) -> None:
        with (self.logs / f"{command[0]}.out").open("ab") as out:
            self._daemons.append(
                self.namespace.popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
            )

    def _online(self) -> set[str]:
        """The nodes that are online, as this one sees it; none without a DC."""
        shown = self.namespace.run(["crm_mon", "-1", "--output-as=xml"], check=False)
        if shown.returncode:
            return set()
        result = etree.fromstring(shown.stdout.encode())
        if not result.xpath("//current_dc[@present='true']"):
            return set()
        return {str(node.get("name")) for node in result.xpath("//nodes/node[@online='true']")}

    def _has_to_do(self) -> bool:
        """Whether the scheduler finds something to do in the CIB as it is now, or the CIB can't be had."""
        command = ["crm_simulate", "--live-check", "--simulate", "--output-as=xml"]
        simulated = self.namespace.run(command, check=False)
        if simulated.returncode:
            return True
        return bool(etree.fromstring(simulated.stdout.encode()).xpath("transition/*[not(self::pseudo_action)]"))

    def _is_idle(self) -> bool:
        state = self.namespace.run(["crmadmin", "-S", self.name], check=False).stdout
        return "S_IDLE" in state or "S_NOT_DC" in state

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _START_SECONDS
        while not condition():
            dead = [daemon.args for daemon in self._daemons if daemon.poll() is not None]
            if dead or time.monotonic() > end:
                raise AssertionError(f"{self.name}: no {what}; ended: {dead}{self._tails()}")
            time.sleep(0.05)

    def _tails(self) -> str:
        parts = []
        for log in sorted(path for path in self.logs.rglob("*") if path.is_file()):
            parts.append(f"\n--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-20:]))
        return "".join(parts)
