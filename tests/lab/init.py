"""PID 1 of a lab namespace: sets up what the namespace needs to be a machine of its own, then lives while its owner does.

Run by `namespace.py`, never imported. The first line of standard input is a JSON object (see `main`); after that the
process only waits for the end of standard input. The pipe closes when the owner exits in whatever way, SIGKILL
included, and when PID 1 of a PID namespace exits the kernel kills everything in it: a crashed test run leaves no
cluster behind.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Set up the host name, mounts and directories, print "ready", and wait for the end of standard input.

    The object read: `hostname` (str), `tmpfs` (list of mount points), `binds` (list of [source, mount point]) and
    `dirs` (list of [path, "user:group" or "", octal mode]), carried out in this order.
    """
    setup = json.loads(sys.stdin.buffer.readline())
    socket.sethostname(setup["hostname"])
    for target in setup["tmpfs"]:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", target], check=True)
    for source, target in setup["binds"]:
        subprocess.run(["mount", "--bind", source, target], check=True)
    for path, owner, mode in setup["dirs"]:
        Path(path).mkdir(parents=True, exist_ok=True)
        Path(path).chmod(int(mode, 8))
        if owner:
            shutil.chown(path, *owner.split(":"))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # Ignoring SIGCHLD makes the kernel reap the orphans that daemons leave to PID 1.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    sys.stdin.buffer.read()


main()
