"""No secret leaves an agent but in a publication: everything that a console is sent in a whole session, and all that is logged.

Rules of this file: secrets stand wherever a configuration can have them, and in the site file. Consoles reach both agents
through a tap that keeps every byte that comes from them. That the watch works is tested by letting everything through.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from qmfagent.bus.console.session import ConsoleSession
from qmfagent.errors import QmfAgentError
from qmfagent.pacemaker.metadata import NoMetadata
from qmfagent.peers.link import agent_name
from qmfagent.policy.access import Access, Rule
from qmfagent.policy.roles import Role
from qmfagent.policy.secrets import Secrets
from tests.sites.pair import Site, SitePair, until
from tests.sites.tap import Tap

SECRETS = [f"s3cr3t-{number:02}" for number in range(20)]
(
    PASSWD, NEW_PASSWD, PIN, NEW_PIN, OPTIONS, NEW_OPTIONS, BORROWED, TEMPLATE, BUNDLE, LOCAL, FENCE, DEFAULTS, ALERT, NODE,
    OVERRIDE, UNUSED, SELECT, BROKEN, DRIFT, ATTRIBUTE,
) = SECRETS  # fmt: skip
OPEN = "10.1.0.10"
PRIVATE = {"ocf:heartbeat:pgsql": frozenset({"pin"})}

SOURCE = f"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="0"><configuration>
<crm_config><cluster_property_set id="opts"><nvpair id="opts-token" name="site_token" value="{LOCAL}"/></cluster_property_set>
</crm_config>
<nodes><node id="1" uname="one"><instance_attributes id="nodes-1"><nvpair id="n1" name="bmc_password" value="{NODE}"/>
</instance_attributes></node></nodes>
<resources>
  <template id="tmpl" class="ocf" provider="heartbeat" type="pgsql"><instance_attributes id="tmpl-ia">
    <nvpair id="tmpl-pw" name="monitor_password" value="{TEMPLATE}"/></instance_attributes></template>
  <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2"><instance_attributes id="vip-ia">
    <nvpair id="vip-ip" name="ip" value="{OPEN}"/><nvpair id="vip-x" name="note" value="{BORROWED}"/>
  </instance_attributes></primitive>
  <primitive id="db" template="tmpl"><instance_attributes id="db-ia">
    <nvpair id="db-pw" name="passwd" value="{PASSWD}"/><nvpair id="db-pin" name="pin" value="{PIN}"/>
    <nvpair id="db-site" name="site_secret" value="here"/>
    <nvpair id-ref="vip-x" name="passphrase"/></instance_attributes>
    <operations><op id="db-mon" name="monitor" interval="10s"/></operations></primitive>
  <primitive id="fs" class="ocf" provider="heartbeat" type="Filesystem"><instance_attributes id="fs-ia">
    <nvpair id="fs-opt" name="options" value="username=u,password={OPTIONS}"/></instance_attributes></primitive>
  <bundle id="web"><podman image="registry.example.com/web" options="--env API_TOKEN={BUNDLE}" run-command="serve"/></bundle>
  <primitive id="fence" class="stonith" type="fence_x"><instance_attributes id="fence-ia">
    <nvpair id="fence-pw" name="passwd" value="{FENCE}"/></instance_attributes></primitive>
</resources>
<constraints>
  <rsc_ticket id="t-vip" rsc="vip" ticket="T"/><rsc_ticket id="t-db" rsc="db" ticket="T"/>
  <rsc_ticket id="t-fs" rsc="fs" ticket="T"/><rsc_ticket id="t-web" rsc="web" ticket="T"/>
</constraints>
<op_defaults><meta_attributes id="od"><nvpair id="od-pw" name="password" value="{DEFAULTS}"/></meta_attributes></op_defaults>
<alerts><alert id="al" path="/x"><instance_attributes id="al-ia"><nvpair id="al-pw" name="smtp_pass" value="{ALERT}"/>
</instance_attributes></alert></alerts>
</configuration><status><tickets><ticket_state id="T" granted="true" last-granted="1700000000"/></tickets>
<node_state id="1" uname="one"><transient_attributes id="1"><instance_attributes id="st"><nvpair id="st-pw" name="db-password"
 value="{ATTRIBUTE}"/></instance_attributes></transient_attributes></node_state></status></cib>
""".encode()

TARGET = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="9" num_updates="0"><configuration><crm_config/><nodes/>
<resources/><constraints/></configuration><status/></cib>
"""

RULES = f"""
[[override]]
select = "nvpair[@name='site_secret']"
value = "{OVERRIDE}"
[[override]]
select = "nvpair[@name='not-here']"
value = "{UNUSED}"
[[override]]
select = "nvpair[@value='{SELECT}']/@name"
value = "x"
"""
BROKEN_RULES = [
    f"[[override]]\nselect = \"nvpair[@name='passwd']\"\nvalue = ['{BROKEN}']",
    f'[[override]]\nselect = "nvpair[@name=\'passwd\']"\nvalue = "{BROKEN}\\u0001"',
    f'[[override]]\nselect = "nvpair[@value=\'{BROKEN}\'"\nvalue = "x"',
    f'[[override]]\nselect = "op[@id=\'db-mon\']"\nvalue = "{BROKEN}"',
    f'[[override]]\nselect = "x"\nvalue = "{BROKEN}',
]
PATHS = [
    "",
    "status",
    "configuration/resources",
    "configuration//nvpair",
    "configuration//nvpair[@id='db-pw']",
    "status//nvpair[@name='db-password']",
    "configuration/resources/bundle",
]


@asynccontextmanager
async def tapped(site: Site) -> AsyncIterator[tuple[ConsoleSession, bytearray]]:
    """A console at a site, and every byte that it has been sent."""
    assert site.agent is not None
    async with Tap(site.agent.port) as tap, ConsoleSession(tap.url) as console:
        await console.wait_agent(lambda agent: agent.name == agent_name(site.name))
        yield console, tap.received


class Session:
    """Everything that a console does at both sites, one after the other."""

    def __init__(self, sites: SitePair, rules: Path) -> None:
        self._sites = sites
        self._rules = rules
        self.guessed: set[str] = set()

    async def run(self) -> bytes:
        """Do it all; what both agents have sent."""
        a, b = self._sites.a, self._sites.b
        async with tapped(a) as (at_a, from_a), tapped(b) as (at_b, from_b):
            await b.event("applied")
            assert b.snapshot.ids["db-pw"].get("value") == PASSWD
            assert b.snapshot.ids["db-site"].get("value") == OVERRIDE
            for site, console in ((a, at_a), (b, at_b)):
                await self._look(site, console)
            for nvpair, value in (
                ("db-pw", NEW_PASSWD),
                ("db-pin", NEW_PIN),
                ("fs-opt", f"username=u,password={NEW_OPTIONS}"),
            ):
                await a.set_value(nvpair, value)
                await until(lambda n=nvpair, v=value: b.snapshot.ids[n].get("value") == v, f"{nvpair} at b")  # type: ignore[misc]
            await a.set_value("opts-token", LOCAL + "x")
            await b.set_value("db-pw", DRIFT)
            await b.event("drift_found")
            await self._look(b, at_b)
            await self._break(at_b)
            for site, console in ((a, at_a), (b, at_b)):
                await self._look(site, console)
            return bytes(from_a + from_b)

    async def _look(self, site: Site, console: ConsoleSession) -> None:
        """Ask for everything there is."""
        name = agent_name(site.name)
        for class_name in ("Site", "Ticket", "Resource", "Node", "Constraint", "Replica", "Plan"):
            await console.query(name, class_name)
        for path in PATHS:
            await console.call(name, f"Site:{site.name}", "query", {"path": path})
        for secret in SECRETS:
            for test in (f"nvpair[@value='{secret}']", f"*[@options='--env API_TOKEN={secret}']"):
                found = await console.call(name, f"Site:{site.name}", "query", {"path": f"configuration//{test}"})
                if found["xml"]:
                    self.guessed.add(secret)
        for object_name, method, arguments in (
            (f"Site:{site.name}", "plan", {"ticket": "T"}),
            (f"Site:{site.name}", "plan", {"ticket": "T", "adopt": True}),
            (f"Site:{site.name}", "events", {"since": 0, "limit": 1000}),
            (f"Site:{site.name}", "query", {"path": "configuration/[["}),
            (f"Site:{site.name}", "apply", {"token": "x"}),
            ("Ticket:T", "explode", {}),
        ):
            with suppress(QmfAgentError):
                await console.call(name, object_name, method, arguments)
        if site is self._sites.b:
            for method, arguments in (("publication", {"ticket": "T"}), ("apply", {"token": "x"})):
                with pytest.raises(QmfAgentError, match="may not call"):
                    await console.call(name, f"Site:{site.name}", method, arguments)

    async def _break(self, console: ConsoleSession) -> None:
        """Let this site's own rules be wrong in every way that quotes them."""
        for rules in BROKEN_RULES:
            self._rules.write_text(rules)
            with pytest.raises(QmfAgentError):
                await console.call(agent_name("siteb"), "Site:siteb", "plan", {"ticket": "T"})
        with suppress(QmfAgentError):
            await self._sites.a.call("Replica:T:siteb", "replicate_now")


@pytest.fixture
async def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    """A session with both sites: at a, who is anonymous may replicate, at b may look."""
    monkeypatch.setattr(NoMetadata, "private_parameters", lambda self, agent: PRIVATE.get(agent, frozenset()))
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    sites = SitePair(tmp_path, SOURCE, TARGET)
    sites.use_site_file(sites.b, rules)
    for site, role in ((sites.a, Role.REPLICATOR), (sites.b, Role.VIEWER)):
        site.config = replace(site.config, access=Access((Rule(("anonymous",), role),)))
    async with sites:
        yield Session(sites, rules)


def leaked(texts: Iterable[bytes]) -> set[str]:
    """The secrets in any of these."""
    everything = b"\n".join(texts)
    return {secret for secret in SECRETS if secret.encode() in everything}


def logged(caplog: pytest.LogCaptureFixture) -> list[bytes]:
    """Every record of the log, tracebacks included."""
    formatter = logging.Formatter()
    return [formatter.format(record).encode() for record in caplog.records]


async def test_no_secret_is_sent_or_logged(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sent = await session.run()
    assert session.guessed == set()
    assert OPEN.encode() in sent
    assert b"****** (changed)" in sent
    assert leaked([sent]) == set()
    assert b"qmfagent.audit" in b" ".join(record.name.encode() for record in caplog.records)
    assert leaked(logged(caplog)) == set()


async def test_the_watch_would_notice(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing counts as a secret, each of them is seen but those that only errors would quote."""
    for method in ("named", "told_by"):
        monkeypatch.setattr(Secrets, method, lambda *_: False)
    monkeypatch.setitem(PRIVATE, "ocf:heartbeat:pgsql", frozenset())
    sent = await session.run()
    assert leaked([sent]) == set(SECRETS) - {UNUSED, SELECT, BROKEN}
    assert {PASSWD, BUNDLE, LOCAL} <= session.guessed
