"""booth in the lab: boothd at every site, and at an arbitrator that has no cluster.

    with Booth(lab, folder, "ticket = db-ticket ...") as booth:
        lab.run("sitea", ["booth", "grant", "-c", CONFIG, "db-ticket"])
        booth.run(["booth", "list", "-c", CONFIG])

Rules of this file: who holds what is asked of booth and of the CIB, never of an agent. booth's program is put into the sites
with a shim that mends it on newer kernels (booth_netlink_shim.c); everybody there, the agent too, finds it under its own name.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab.agents import until
from tests.lab.lab import Lab
from tests.lab.namespace import Namespace, SiteProcess

COMMANDS = ("boothd", "gcc")
PACKAGES = "booth gcc"

CONFIG = "/etc/booth/booth.conf"
ARBITRATOR = "arbitrator"
_ARBITRATOR_ADDRESS = "10.77.200.1"
_KEY = "the secret of this lab"


class Booth:
    """boothd at the sites of a lab and at an arbitrator. Use as a context manager; entering takes about a second."""

    def __init__(self, lab: Lab, folder: Path, tickets: str) -> None:
        """`folder` takes configuration, programs and logs; `tickets` is the part of the configuration that names tickets."""
        self._lab = lab
        self._folder = folder
        self._config = folder / "etc"
        self._config.mkdir()
        members = [f"site = {lab.address(name)}" for name in lab.names]
        lines = ["authfile = /etc/booth/authkey", *members, f"arbitrator = {_ARBITRATOR_ADDRESS}", tickets]
        (self._config / "booth.conf").write_text("\n".join(lines))
        (self._config / "authkey").write_text(_KEY)
        (self._config / "authkey").chmod(0o600)
        self._daemons: list[SiteProcess] = []
        self._arbitrator: Namespace | None = None

    def __enter__(self) -> Self:
        """Start all of them, and wait until each answers and hears the others."""
        self._build()
        self._arbitrator = Namespace(ARBITRATOR, tmpfs=["/run"])
        self._lab.plug(ARBITRATOR, _ARBITRATOR_ADDRESS, self._arbitrator)
        try:
            for site in self._lab.names:
                # boothd takes what it finds there for its own, and would get a ticket back that was granted in an earlier test.
                self._run(site, ["cibadmin", "--delete", "--force", "--xpath=/cib/status/tickets"], check=False)
            for member in self._members:
                self._start(member)
            for member in self._members:
                until(lambda member=member: self._hears_all(member), f"boothd at {member}{self.log_tails()}")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End boothd everywhere, and leave the sites as they were."""
        for daemon in self._daemons:
            daemon.kill()
            daemon.wait()
        if self._arbitrator:
            self._arbitrator.close()
        for site in self._lab.names:
            for place in ("/etc/booth", "/usr/sbin/boothd"):
                self._lab.run(site, ["umount", place], check=False)

    def revoke(self, ticket: str) -> None:
        """Revoke a ticket wherever it is, and wait until no site has it."""

        def revoked() -> bool:
            # booth refuses while it is busy with the ticket.
            for site in self._lab.names:
                self._run(site, ["booth", "revoke", "-c", CONFIG, ticket], check=False)
            return {self.owner(site, ticket) for site in self._lab.names} == {"none"}

        until(revoked, f"nobody holds {ticket}")

    def owner(self, site: str, ticket: str) -> str:
        """The address of the site that holds a ticket, as boothd at `site` has it; "none" where nobody does."""
        listed = self._run(site, ["booth", "list", "-c", CONFIG]).stdout.splitlines()
        (line,) = [line for line in listed if line.startswith(f"ticket: {ticket},")]
        return line.partition("leader: ")[2].split(",")[0].split()[0].lower()

    def wait_owner(self, site: str, ticket: str, owner: str) -> None:
        """Wait until boothd at `site` has heard from the others that this site holds a ticket, or "none"."""
        until(lambda: self.owner(site, ticket) == owner, f"{site} has heard that {owner} holds {ticket}")

    def log_tails(self) -> str:
        """The ends of the logs of all daemons."""
        logs = sorted(self._folder.glob("*.log"))
        return "".join(f"\n--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-15:]) for log in logs)

    @property
    def _members(self) -> list[str]:
        return [*self._lab.names, ARBITRATOR]

    def _run(self, member: str, command: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
        assert self._arbitrator
        run = self._arbitrator.run if member == ARBITRATOR else lambda *a, **k: self._lab.run(member, *a, **k)
        return run(command, check=check, timeout=20)

    def _build(self) -> None:
        """Make the programs: the package's own, behind a script that preloads the shim."""
        shim, program, script = (self._folder / name for name in ("shim.so", "program", "boothd"))
        source = Path(__file__).with_name("booth_netlink_shim.c")
        subprocess.run(["gcc", "-Wall", "-shared", "-fPIC", "-o", shim, source], check=True)
        shutil.copy("/usr/sbin/boothd", program)
        script.write_text(f'#!/bin/sh\nLD_PRELOAD={shim} exec {program} "$@"\n')
        script.chmod(0o755)

    def _start(self, member: str) -> None:
        for source, place in ((self._config, "/etc/booth"), (self._folder / "boothd", "/usr/sbin/boothd")):
            self._run(member, ["mount", "--bind", str(source), place])
        self._run(member, ["install", "--directory", "--mode=777", "/run/booth"])
        assert self._arbitrator
        popen = self._arbitrator.popen if member == ARBITRATOR else lambda *a, **k: self._lab.popen(member, *a, **k)
        with (self._folder / f"{member}.log").open("wb") as log:
            self._daemons.append(
                popen(
                    ["boothd", "daemon", "-S", "-c", CONFIG],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                )
            )  # fmt: skip

    def _hears_all(self, member: str) -> bool:
        peers = self._run(member, ["booth", "peers", "-c", CONFIG], check=False).stdout
        return peers.count("last recv: 20") == len(self._members) - 1
