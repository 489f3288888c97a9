"""The resource agents at a real cluster: what ocf-tester says of them, and the pair of publisher and subscriber.

Rules of this file: site B of the lab is used, with nothing else in its CIB; the resource agents are those that are installed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from tests.installation import PREFIX
from tests.lab import requirements
from tests.lab.agents import until
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

SITE = "siteb"
TICKET = "T"
AGENTS = "/usr/lib/ocf/resource.d"
BINARY = f"{PREFIX}/bin/qmfagent"

_PAIR = """\
<resources>{publisher}{subscriber}</resources>
<constraints>
  <rsc_ticket id="ticket-publisher" rsc="publisher" ticket="T" loss-policy="stop"/>
  <rsc_colocation id="never-together" rsc="subscriber" with-rsc="publisher" score="-INFINITY"/>
  <rsc_order id="before-subscriber" first="publisher" first-action="stop" then="subscriber" then-action="start"
    kind="Optional" symmetrical="false"/>
  <rsc_order id="before-publisher" first="subscriber" first-action="stop" then="publisher" then-action="start"
    kind="Optional" symmetrical="false"/>
</constraints>
"""
_AGENT = """\
<primitive id="{name}" class="ocf" provider="qmfagent" type="{name}">
  <instance_attributes id="{name}-ia">
    <nvpair id="{name}-config" name="config" value="{config}"/>
    <nvpair id="{name}-ticket" name="ticket" value="T"/>
    <nvpair id="{name}-binary" name="binary" value="{binary}"/>
    <nvpair id="{name}-log" name="log" value="{log}"/>
  </instance_attributes>
  <operations><op id="{name}-monitor" name="monitor" interval="{seconds}s"/></operations>
</primitive>
"""


@pytest.fixture
def site(two_node_lab: Lab) -> Iterator[Lab]:
    """The lab, its site B empty before and after."""
    two_node_lab.reset(SITE)
    yield two_node_lab
    two_node_lab.reset(SITE)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of an agent that is on its own."""
    path = tmp_path / "agent.toml"
    path.write_text('[listen]\nurl = "amqp://127.0.0.1:5672"\n')
    return path


def grant(lab: Lab, granted: bool = True) -> None:
    lab.run(SITE, ["crm_ticket", "--ticket", TICKET, "--grant" if granted else "--revoke", "--force"])


def settle(lab: Lab, running: set[str], what: str) -> None:
    """Wait until these alone run, and the cluster has nothing more to do: the first monitor after a start is over too."""
    until(lambda: active(lab) == running, what)
    lab.run(SITE, ["crm_resource", "--wait", "--timeout=60s"])


def active(lab: Lab) -> set[str]:
    """The resources that run, and that nothing is being done to."""
    shown = etree.fromstring(lab.run(SITE, ["crm_mon", "-1", "--output-as=xml"]).stdout.encode())
    running = shown.iterfind(".//resource[@role='Started'][@failed='false']")
    return {str(found.get("id")) for found in running if found.get("pending") is None}


def failures(lab: Lab) -> str:
    """What went wrong with resources, in the cluster's words."""
    shown = etree.fromstring(lab.run(SITE, ["crm_mon", "-1", "--output-as=xml"]).stdout.encode())
    return "".join(str(failure.get("exitreason")) for failure in shown.iterfind(".//failures/failure"))


def run_tester(lab: Lab, agent: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["ocf-tester", "-n", "tested", *options, f"{AGENTS}/{agent}"]
    return lab.run(SITE, command, check=False, timeout=300)


@pytest.mark.parametrize("name", ["publisher", "subscriber", "replicator"])
def test_they_pass_all_tests(site: Lab, config: Path, name: str) -> None:
    requirements.require(["ocf-tester", "xmllint"], root=True, packages="resource-agents libxml2-utils")
    if name != "subscriber":
        grant(site)
    parameters = {"config": str(config), "ticket": TICKET, "binary": BINARY, "log": str(config.with_name("log"))}
    options = [word for key, value in parameters.items() for word in ("-o", f"{key}={value}")]
    done = run_tester(site, f"qmfagent/{name}", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("passed all tests")
    assert ("promotable clones" in done.stdout) == (name != "replicator")


def test_they_pass_more_than_a_shipped_one_does(site: Lab) -> None:
    """Pacemaker's Stateful, the pattern of a promotable agent, fails the test of its metadata."""
    requirements.require(["ocf-tester", "xmllint"], root=True, packages="resource-agents libxml2-utils")
    done = run_tester(site, "pacemaker/Stateful")
    assert "does not conform to ra-api-1.dtd" in done.stdout


def test_pacemaker_finds_them(site: Lab) -> None:
    found = site.run(SITE, ["crm_resource", "--list-agents", "ocf:qmfagent"]).stdout.split()
    assert found == ["publisher", "replicator", "subscriber"]
    assert (
        "<version>1.1</version>"
        in site.run(SITE, ["crm_resource", "--show-metadata", "ocf:qmfagent:replicator"]).stdout
    )


def agent(name: str, config: Path, seconds: int) -> str:
    """One of the pair, watched every so many seconds."""
    return _AGENT.format(name=name, config=config, binary=BINARY, log=config.with_name("log"), seconds=seconds)


def add(lab: Lab, xml: str) -> None:
    lab.run(SITE, ["cibadmin", "--modify", "--allow-create", f"--xml-text=<configuration>{xml}</configuration>"])


def test_publisher_and_subscriber_take_turns_with_the_ticket(site: Lab, config: Path) -> None:
    # Watched so seldom, and so long waited for, that no monitor falls between a change of the ticket and what is done then.
    agents = {name: agent(name, config, seconds=60) for name in ("publisher", "subscriber")}
    add(site, _PAIR.format(**agents))
    settle(site, {"subscriber"}, "the subscriber alone")
    for _ in range(2):
        grant(site)
        settle(site, {"publisher"}, "the publisher alone")
        grant(site, False)
        settle(site, {"subscriber"}, "the subscriber alone")
    assert failures(site) == ""


def test_the_cluster_can_not_run_a_subscriber_where_the_ticket_is(site: Lab, config: Path) -> None:
    add(site, f"<resources>{agent('subscriber', config, seconds=1)}</resources>")
    until(lambda: active(site) == {"subscriber"}, "the subscriber")
    grant(site)
    # A start that is still to fail would be a failure that the cleanup comes too early for.
    settle(site, set(), "no subscriber")
    assert "no subscriber here" in failures(site)
    grant(site, False)
    site.run(SITE, ["crm_resource", "--cleanup", "--resource", "subscriber"])
    until(lambda: active(site) == {"subscriber"}, "the subscriber")
