"""What the tests on real Pacemaker and RabbitMQ need of the machine, and what happens where it is missing.

Rules of this file: in CI (environment variable CI) and as root, which could install it, a missing piece fails the run;
anybody else's tests are skipped with a message that says what to install. Nothing is skipped silently.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

import pytest

PACKAGES = "pacemaker pacemaker-cli-utils pacemaker-resource-agents corosync iproute2 util-linux"

TOOLS = ("cibadmin", "crm_ticket", "crm_verify")
CLUSTER = (*TOOLS, "pacemakerd", "corosync", "crm_mon", "crm_simulate", "ip", "nsenter", "unshare", "setpriv")


def require(commands: Sequence[str], *, root: bool, packages: str = PACKAGES) -> None:
    """Skip or fail the running test unless all `commands` are installed and, where `root` is set, we are root.

    `packages` are what brings the commands.
    """
    missing = [command for command in commands if shutil.which(command) is None]
    if not missing and (os.geteuid() == 0 or not root):
        return
    words = [f"{', '.join(missing)} not found: apt-get install {packages}"] if missing else []
    if root and os.geteuid() != 0:
        words.append("namespaces can only be made by root: sudo make test")
    message = "; ".join(words)
    if os.environ.get("CI") or os.geteuid() == 0:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
