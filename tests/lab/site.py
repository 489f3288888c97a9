"""A real Pacemaker cluster of one or more nodes, each in a namespace of its own.

Rules of this file: the nodes are called NAME-n1 and on. A site of two goes on with one of them (votequorum's two_node), as most
real ones are set up to; nobody fences the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab.node import Node

_COROSYNC = """\
totem {{
  version: 2
  cluster_name: {name}
  transport: knet
  crypto_cipher: none
  crypto_hash: none
  token: 1000
}}
logging {{
  to_logfile: yes
  logfile: /var/log/corosync.log
  to_syslog: no
}}
quorum {{
  provider: corosync_votequorum
  expected_votes: {count}
  two_node: {two}
  wait_for_all: 0
}}
nodelist {{
{nodes}}}
"""
_NODE = """\
  node {{
    ring0_addr: {address}
    nodeid: {number}
    name: {name}-n{number}
  }}
"""


class Site:
    """One site of the lab: its nodes and their cluster."""

    def __init__(
        self, name: str, addresses: Sequence[str], root: Path, hosts: Path, binds: Sequence[tuple[Path, str]] = ()
    ) -> None:
        """Lay out the files of site `name`, a node for each address, under `root` and make the namespaces.

        The cluster is not started yet. `hosts` is /etc/hosts of the nodes, `binds` are directories that they have in other
        places.
        """
        self.name = name
        count = len(addresses)
        nodes = "".join(
            _NODE.format(name=name, number=number, address=address) for number, address in enumerate(addresses, 1)
        )
        corosync = _COROSYNC.format(name=name, count=count, two=int(count == 2), nodes=nodes)
        self.nodes = [
            Node(f"{name}-n{number}", address, root / f"n{number}", hosts, corosync, binds)
            for number, address in enumerate(addresses, 1)
        ]

    @property
    def first(self) -> Node:
        """The first node that is there: where what is meant for the site as a whole is done."""
        return next(node for node in self.nodes if node.alive)

    def start_cluster(self) -> None:
        """Start all nodes, at the same time, and wait until they are together. AssertionError after a minute."""
        self._each(Node.start_cluster)
        self.wait_together()

    def stop_cluster(self) -> None:
        """Stop all nodes, at the same time, as an administrator would."""
        self._each(Node.stop_cluster)

    def wait_together(self) -> None:
        """Wait until the living nodes all see each other: each may be a cluster of its own at first, with a CIB of its own."""
        names = {node.name for node in self.nodes if node.alive}
        self._each(lambda node: node.wait_online(names))

    def wait_idle(self) -> None:
        """Wait until the DC has nothing left to do. AssertionError after a minute."""
        self._each(Node.wait_idle)

    def close(self) -> None:
        """Kill everything in the site at once."""
        for node in self.nodes:
            node.close()

    def _each(self, do: Callable[[Node], None]) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(do, [node for node in self.nodes if node.alive]))
