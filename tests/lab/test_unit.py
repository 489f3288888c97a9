"""The agent with the rights that its systemd unit leaves it, at a real cluster.

Rules of this file: there is no systemd in the lab, so what limits a process is taken from the unit and put into effect here.
"""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import pytest

from tests.installation import PREFIX, Installation
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

SITE = "siteb"
WAIT = 60.0


def limited(installation: Installation) -> list[str]:
    """What runs a command with the capabilities of the unit."""
    unit = installation.at(f"{PREFIX}/lib/systemd/system/qmfagent.service").read_text()
    found = re.search("^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)
    assert found
    kept = [f"+{name.removeprefix('CAP_').lower()}" for name in found[1].split()]
    assert len(kept) <= 1
    return ["setpriv", f"--bounding-set={','.join(['-all', *kept])}", "--inh-caps=-all", "--no-new-privs", "--"]


def test_its_capabilities_suffice(two_node_lab: Lab, installation: Installation, tmp_path: Path) -> None:
    """It reads the CIB and serves, and Pacemaker's tools, which it runs, write the CIB."""
    config = tmp_path / "agent.toml"
    config.write_text('[listen]\nurl = "amqp://127.0.0.1:5672"\n')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
        notifications.bind(str(tmp_path / "notify"))
        notifications.settimeout(WAIT)
        command = [f"{PREFIX}/bin/qmfagent", "run", "--config", str(config)]
        prefix = [*limited(installation), "env", f"NOTIFY_SOCKET={tmp_path}/notify"]
        with two_node_lab.popen(SITE, [*prefix, *command], stderr=subprocess.DEVNULL) as agent:
            try:
                told: list[str] = []
                while "READY=1" not in told:
                    told += notifications.recv(4096).decode().splitlines()
            finally:
                agent.kill()
    write = ["crm_attribute", "--type=crm_config", "--name=cluster-recheck-interval", "--update=5min"]
    two_node_lab.run(SITE, [*limited(installation), *write])
