"""A real one-node Pacemaker cluster (corosync and pacemakerd) in a namespace of its own.

Rules: the CIB is seeded with `dc-deadtime=1s`, so that the only node becomes DC in seconds instead of twenty, and with
`stonith-enabled=false`, since there is nothing to fence with; nothing waits longer than its bound, and what ran out of
time fails with the ends of the logs.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from tests.lab.namespace import Namespace, SiteProcess

_COROSYNC = """\
totem {{
  version: 2
  cluster_name: {name}
  transport: knet
  crypto_cipher: none
  crypto_hash: none
}}
logging {{
  to_logfile: yes
  logfile: /var/log/corosync.log
  to_syslog: no
}}
quorum {{
  provider: corosync_votequorum
  expected_votes: 1
}}
nodelist {{
  node {{
    ring0_addr: {address}
    nodeid: 1
    name: {node}
  }}
}}
"""

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


class Site:
    """One site of the lab: its namespace and its cluster. The node is called NAME-n1."""

    def __init__(self, name: str, address: str, root: Path, hosts: Path) -> None:
        """Lay out the files of site `name` under `root` and make its namespace; the cluster is not started yet.

        `hosts` is its /etc/hosts.
        """
        self.name = name
        self.node = f"{name}-n1"
        self.address = address
        self.logs = root / "log"
        (root / "cib").mkdir(parents=True)
        (root / "cib" / "cib.xml").write_text(_SEED)
        (root / "corosync").mkdir()
        (root / "corosync" / "corosync.conf").write_text(_COROSYNC.format(name=name, address=address, node=self.node))
        binds = {"pacemaker": "/var/lib/pacemaker", "corosync-lib": "/var/lib/corosync", "log": "/var/log"}
        for directory in binds:
            (root / directory).mkdir()
        (root / "cib").rename(root / "pacemaker" / "cib")
        self.namespace = Namespace(
            self.node,
            tmpfs=["/dev/shm", "/run"],
            binds=[
                *((root / host, inside) for host, inside in binds.items()),
                (root / "corosync", "/etc/corosync"),
                (hosts, "/etc/hosts"),
            ],
            dirs=[
                ("/run/crm", _HA, "750"),
                ("/run/resource-agents", "", "755"),
                ("/var/log/pacemaker", _HA, "770"),
                ("/var/log/cluster", "", "755"),
                *((f"/var/lib/pacemaker/{name}", _HA, "750") for name in ("cib", "pengine", "blackbox", "cores")),
            ],
        )
        self.namespace.run(["chown", _HA, "/var/lib/pacemaker/cib/cib.xml"])
        self._daemons: list[SiteProcess] = []

    def start_cluster(self) -> None:
        """Start corosync and Pacemaker and wait until the node is online and DC. AssertionError after a minute."""
        self._spawn("corosync", "-f")
        self._wait("corosync", lambda: self.namespace.run(["corosync-cmapctl"], check=False).returncode == 0)
        self._spawn("pacemakerd")
        self._wait("a DC and an online node", self._online)

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

    def wait_idle(self) -> None:
        """Wait until the DC has nothing left to do. AssertionError after a minute."""
        self._wait("idle DC", lambda: "S_IDLE" in self.namespace.run(["crmadmin", "-S", self.node], check=False).stdout)

    def close(self) -> None:
        """Kill everything in the site at once."""
        self.namespace.close()
        for daemon in self._daemons:
            daemon.wait()

    def _spawn(self, *command: str) -> None:
        with (self.logs / f"{command[0]}.out").open("ab") as out:
            self._daemons.append(
                self.namespace.popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
            )

    def _online(self) -> bool:
        shown = self.namespace.run(["crm_mon", "-1", "--output-as=xml"], check=False)
        if shown.returncode:
            return False
        result = etree.fromstring(shown.stdout.encode())
        return bool(result.xpath("//current_dc[@present='true']") and result.xpath("//nodes/node[@online='true']"))

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
