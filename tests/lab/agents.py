"""One site of the lab with an agent in it, reached by AMQP and TLS over the lab's switch: replication as it is used.

Rules of this file: agents are processes of their own inside the sites, started by the command that an administrator uses.
What they do is seen through a console, what came of it through Pacemaker's own tools. Every wait is bounded and says what
it was for.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lxml import etree

from consoles.client import Console, Event, Object
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import QmfAgentError
from qmfagent.site_file import SiteMangler
from tests.certificates import CertificateAuthority
from tests.lab.event_log import EventLog
from tests.lab.lab import Lab
from tests.lab.namespace import SiteProcess
from tests.lab.network import in_network_of

WAIT = 60.0
"""Seconds; an agent itself may wait for half of them until it tries again."""
PORT = 5671

_CONFIG = """\
[listen]
url = "amqps://{address}:{port}"
heartbeat = 3

[tls]
certificate = "{tls.certificate}"
key = "{tls.key}"
ca = "{tls.ca}"

[replication]
mode = "automatic"
site_file = "{site_file}"
signing_key = "{signing_key}"
agents = ["ocf:heartbeat:*", "ocf:pacemaker:*", "systemd:*"]

[[access]]
identity = [{others}]
role = "replicator"

[[access]]
identity = "CN=console"
role = "administrator"
"""
_PEER = """
[[peer]]
site = "{name}"
url = "amqps://{address}:{port}"
certificate_name = "{name}"
verify_key = "{verify_key}"
"""


def until(condition: Callable[[], bool], what: str, seconds: float = WAIT) -> None:
    """Wait until a condition holds that nobody announces. AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


class AgentSite:
    """One site: its agent's process, and a console in its network."""

    command: Sequence[str] = (sys.executable, "-m", "qmfagent")
    """What starts `qmfagent`, by default that of the tree."""

    def __init__(
        self,
        lab: Lab,
        name: str,
        folder: Path,
        authority: CertificateAuthority,
        site_file: str,
        *,
        addresses: Mapping[str, str] | None = None,
        more: str = "",
    ) -> None:
        """Write the configuration of the agent of `name` into `folder`; `site_file` is the content of that file.

        `addresses` are those of all sites' agents, where they are not the sites' own; `more` is added to the configuration.
        """
        addresses = addresses or {site: lab.address(site) for site in lab.names}
        self._lab = lab
        self.name = self._console_at = name
        self.site_file = folder / f"{name}-values.toml"
        self.site_file.write_text(site_file)
        self.url = f"amqps://{addresses[name]}:{PORT}"
        self.console_tls = replace(authority.issue("console", host="console"), peer_name=name)
        self._log = folder / f"{name}.log"
        self._config = folder / f"{name}.toml"
        others = [other for other in lab.names if other != name]
        self._config.write_text(
            _CONFIG.format(
                address=addresses[name],
                port=PORT,
                tls=authority.issue(name, host=name),
                site_file=self.site_file,
                signing_key=folder / f"{name}.sign.key",
                others=", ".join(f'"CN={other}"' for other in others),
            )
            + "".join(
                _PEER.format(name=other, address=addresses[other], port=PORT, verify_key=folder / f"{other}.sign.pub")
                for other in others
            )
            + more
        )
        self._agent: SiteProcess | None = None
        self._console: Console | None = None
        self._events: EventLog | None = None

    # -- the agent

    def start_agent(self) -> None:
        """Start the agent; `wait_agent` waits for it."""
        with self._log.open("ab") as log:
            self._agent = self._lab.popen(
                self.name,
                [*self.command, "run", "--config", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_agent(self) -> None:
        """Wait until the agent answers, and connect a console to it where there is none yet."""
        if self._console is None:
            tls = self.console_tls
            self._console = in_network_of(self._lab.pid(self._console_at), lambda: self._connect(tls))
            self._events = EventLog(self._console, self.name)
        until(self._answers, f"an answer of the agent of {self.name}{self.log_tail()}")

    def kill_agent(self) -> None:
        """End the agent with SIGKILL, at once."""
        if self._agent is not None:
            self._agent.kill()
            self._agent.wait()
            self._agent = None

    @property
    def agent_runs(self) -> bool:
        """Whether the agent's process is there."""
        return self._agent is not None and self._agent.poll() is None

    def close(self) -> None:
        """End the console and the agent."""
        if self._events is not None:
            self._events.close()
        if self._console is not None:
            self._console.__exit__(None, None, None)
        self.kill_agent()

    def log_tail(self) -> str:
        """The end of the agent's log."""
        return "\n--- log of the agent of " + "\n".join([self.name, *self._log.read_text().splitlines()[-30:]])

    def _connect(self, tls: TlsConfig) -> Console:
        end = time.monotonic() + WAIT
        while True:
            console = Console([self.url], tls, on_problem=lambda words: None)
            try:
                return console.__enter__()
            except QmfAgentError:
                if not self.agent_runs or time.monotonic() > end:
                    raise AssertionError(f"the agent of {self.name} does not answer{self.log_tail()}") from None

    def _answers(self) -> bool:
        with suppress(QmfAgentError):
            return bool(self.console.query("Site", self.name))
        return False

    # -- what it tells

    @property
    def console(self) -> Console:
        """The console in this site."""
        assert self._console is not None
        return self._console

    @property
    def mark(self) -> int:
        """A moment in the stream of events, for `since`: what the agent has told until now is before it."""
        return len(self._caught_up())

    def events(self, name: str, *, since: int = 0, **values: Any) -> list[Event]:
        """The events of that name, of those that the agent has told until now, since a mark whose values include these."""
        return self._caught_up().find(name, since, values)

    def event(self, name: str, *, since: int = 0, seconds: float = WAIT, **values: Any) -> Event:
        """The first such event, waiting for it if need be. AssertionError after `seconds`."""
        assert self._events is not None
        found = self._events.wait(name, since, values, seconds)
        assert found, f"no {name} {values} at {self.name}; since then: {self._events.names(since)}{self.log_tail()}"
        return found

    def _caught_up(self) -> EventLog:
        """The log, once everything is in it that the agent has told until now."""
        assert self._events is not None
        told: dict[str, Any] = {}

        def answered() -> bool:
            with suppress(QmfAgentError):  # a console that has not heard of a busy agent for a while takes it for lost
                told.update(self.console.site(self.name).values)
            return bool(told)

        until(answered, f"an answer of the agent of {self.name}")
        here = self._events.wait_number(told["journal"], told["last_event"], WAIT)
        assert here, f"no event {told['last_event']} of {self.name}; there are {self._events.names(0)}{self.log_tail()}"
        return self._events

    def wait_seen(self) -> None:
        """Wait until the agent has seen the CIB as it is now."""
        now = self.cib().version
        until(lambda: Version.parse(self.console.site(self.name).cib_version) >= now, f"{now} is seen at {self.name}")

    def found_again(self, since: int) -> None:
        """Wait until the console has found the agent again, since a mark."""
        assert self._events is not None
        assert self._events.wait_found(since, WAIT), f"{self.name} is not found again{self.log_tail()}"

    def replica(self, ticket: str, remote: str) -> Mapping[str, Any]:
        """What the agent says of a ticket between this site and another; empty where it says nothing."""
        found: list[Object] = self.console.query("Replica", self.name, name=f"{ticket}:{remote}")
        return found[0].values if found else {}

    def wait_replica(self, ticket: str, remote: str, **values: Any) -> None:
        """Wait until the agent's Replica object has these values."""

        def matches() -> bool:
            seen.clear()
            seen.update(self.replica(ticket, remote))
            return all(seen.get(key) == value for key, value in values.items())

        seen: dict[str, Any] = {}
        try:
            until(matches, f"replica {ticket}:{remote} with {values} at {self.name}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {seen}{self.log_tail()}") from None

    # -- what there is, and what an administrator does

    def run(self, *command: str, check: bool = True) -> str:
        """What a command inside the site prints. AssertionError where it fails, unless `check` is false."""
        return self._lab.run(self.name, command, check=check).stdout

    def cib(self) -> Snapshot:
        """The CIB as cibadmin shows it."""
        return Snapshot.parse(self.run("cibadmin", "--query").encode())

    def mangled(self, source: Closure) -> Closure:
        """What this site makes of a closure, worked out here and not by its agent."""
        return SiteMangler(self.site_file)(source, self.cib().tickets).closure

    def modify(self, xml: str) -> None:
        """Change or create elements in sections of the configuration, in one write."""
        self.run("cibadmin", "--modify", "--allow-create", f"--xml-text=<configuration>{xml}</configuration>")

    def delete(self, *identifiers: str) -> None:
        """Delete members of the configuration, in one write each."""
        for identifier in identifiers:
            self.run("cibadmin", "--delete", f"--xpath=//configuration/*/*[@id='{identifier}']")

    def set_parameter(self, resource: str, name: str, value: str) -> None:
        """Give a resource's parameter another value, as an administrator does."""
        self.run("crm_resource", "--resource", resource, "--set-parameter", name, "--parameter-value", value)

    def parameter(self, resource: str, name: str) -> str:
        """A parameter as the cluster would give it to the resource agent."""
        return self.run("crm_resource", "--resource", resource, "--get-parameter", name).strip()

    def grant(self, ticket: str) -> None:
        """Grant a ticket to this site."""
        self.run("crm_ticket", "--ticket", ticket, "--grant", "--force")

    def revoke(self, ticket: str) -> None:
        """Revoke a ticket from this site."""
        self.run("crm_ticket", "--ticket", ticket, "--revoke", "--force")

    def active(self) -> dict[str, str]:
        """The primitives that run here, and their roles, as crm_mon shows them."""
        shown = etree.fromstring(self.run("crm_mon", "-1", "--output-as=xml").encode())
        return {
            str(element.get("id")): str(element.get("role"))
            for element in shown.iterfind(".//resources//resource")
            if element.get("active") == "true"
        }

    def wait_active(self, wanted: Mapping[str, str]) -> None:
        """Wait until exactly these primitives run here, in these roles."""
        until(lambda: self.active() == wanted, f"{wanted} at {self.name}")

    def starts(self) -> dict[str, str]:
        """For each primitive with a history here, the call number of its last start or stop."""
        status = self.cib().status
        assert status is not None
        return {
            str(history.get("id")): str(operation.get("call-id"))
            for history in status.iterfind("node_state/lrm/lrm_resources/lrm_resource")
            for operation in history.iterfind(f"lrm_rsc_op[@id='{history.get('id')}_last_0']")
        }
