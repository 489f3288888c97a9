"""What Pacemaker gives an action: the parameters of the resource and the time that the action has, from the environment.

Rules of this file: it has the defaults, which the metadata tell; nothing is checked before an action needs it.
Source: OCF resource agent API 1.1, "Environment variables"; Pacemaker Explained, OCF_RESKEY_CRM_meta_*.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qmfagent.errors import ResourceAgentError
from qmfagent.ocf.codes import Code

CONFIG = "/etc/qmfagent/agent.toml"
BINARY = "qmfagent"
USER = "root"
JOURNAL = Path("/run/systemd/journal/stdout")
"""Where systemd's journal listens: there where it runs, and nowhere else."""
LOG = Path("/var/log/qmfagent.log")
"""The log where no file is named and there is no journal."""
LOG_FORMATS = ("text", "json")
"""What the lines of the log may be; the first is the default."""
IDENTIFIER = "qmfagent"
"""The name under which the journal has the log."""
RUN = "/run/resource-agents"
SECONDS = 20.0
"""How long an action may take where Pacemaker does not say."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """One resource's parameters: the daemon's configuration file, the ticket it follows, its XSLT steps, the command, the user
    it runs as, the file of its log, None for systemd's journal, and what the lines of that are; `state` is where we keep what
    we know of it, and `seconds` what this action may take."""

    config: Path
    ticket: str
    xslt: tuple[Path, ...]
    binary: str
    user: str
    log: Path | None
    log_format: str
    state: Path
    seconds: float

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Parameters:
        """Those in an environment, whether they can be used or not: a stop has to be possible with any."""

        def given(name: str, default: str = "") -> str:
            return environment.get(f"OCF_RESKEY_{name}") or default

        # The instances of an anonymous clone share one state: what differs between them is a number that may change.
        instance = environment.get("OCF_RESOURCE_INSTANCE", "default").partition(":")[0]
        milliseconds = environment.get("OCF_RESKEY_CRM_meta_timeout", "")
        return cls(
            config=Path(given("config", CONFIG)),
            ticket=given("ticket"),
            xslt=tuple(map(Path, given("xslt").split())),
            binary=given("binary", BINARY),
            user=given("user", USER),
            log=Path(given("log")) if given("log") else None if JOURNAL.exists() else LOG,
            log_format=given("log_format", LOG_FORMATS[0]),
            state=Path(environment.get("HA_RSCTMP") or RUN) / f"qmfagent-{instance}.state",
            seconds=int(milliseconds) / 1000 if milliseconds.isdecimal() else SECONDS,
        )

    def check(self) -> None:
        """See that the resource is configured, and that this node has what the daemon needs. Raises ResourceAgentError."""
        if not self.ticket:
            raise ResourceAgentError(
                Code.ERR_CONFIGURED, "the parameter ticket is missing: it names the ticket that the role here follows"
            )
        if self.log_format not in LOG_FORMATS:
            raise ResourceAgentError(
                Code.ERR_CONFIGURED,
                f"the parameter log_format is {self.log_format!r}, and not {' or '.join(LOG_FORMATS)}",
            )
        if shutil.which(self.binary) is None:
            raise ResourceAgentError(
                Code.ERR_INSTALLED, f"there is no command {self.binary} on this node (parameter binary)"
            )
        for file in (self.config, *self.xslt):
            if not os.access(file, os.R_OK):
                raise ResourceAgentError(Code.ERR_INSTALLED, f"{file} is not there, or can't be read, on this node")
        try:
            pwd.getpwnam(self.user)
        except KeyError:
            raise ResourceAgentError(
                Code.ERR_INSTALLED, f"there is no user {self.user} on this node (parameter user)"
            ) from None

    def command(self) -> list[str]:
        """The command line of the daemon, which sees to it where its output goes. Source: systemd-cat(1)."""
        steps = [word for file in self.xslt for word in ("--xslt", str(file))]
        command = [self.binary, "run", "--config", str(self.config), *steps, "--log-format", self.log_format]
        if self.log is None:
            return ["systemd-cat", f"--identifier={IDENTIFIER}", *command]
        return [*command, "--log-file", str(self.log)]

    @property
    def log_place(self) -> str:
        """Where to look for what the daemon has logged, for people."""
        return f"journalctl -t {IDENTIFIER}" if self.log is None else str(self.log)
