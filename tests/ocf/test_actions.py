"""The actions of the resource agents, one by one: what they do, what they refuse, and how long that may take."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
import time
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

import pytest

from qmfagent.ocf.codes import Code
from tests.ocf.conftest import Agent, alive

ALL = ("publisher", "subscriber", "replicator")
Make = Callable[[str], Agent]


@pytest.fixture(params=ALL)
def agent(request: pytest.FixtureRequest, resource_agent: Make) -> Agent:
    """Each of the three, with the ticket where it wants it."""
    made = resource_agent(request.param)
    made.grant(granted=made.name == "publisher")
    return made


def test_started_watched_and_stopped(agent: Agent) -> None:
    assert agent("monitor", interval=0) == Code.NOT_RUNNING
    assert agent("start") == Code.SUCCESS
    pid = agent.pid
    assert alive(pid)
    assert agent("monitor") == agent("monitor", interval=0) == agent("start") == Code.SUCCESS
    assert agent.pid == pid
    assert agent("stop") == Code.SUCCESS
    assert not alive(pid)
    assert agent("monitor") == Code.NOT_RUNNING
    assert agent("stop") == Code.SUCCESS


def test_the_daemon_gets_its_command_line_and_nothing_of_ours(agent: Agent, tmp_path: Path) -> None:
    steps = [tmp_path / "one.xsl", tmp_path / "two.xsl"]
    for step in steps:
        step.touch()
    assert agent("start", xslt=" ".join(map(str, steps))) == Code.SUCCESS
    command = ["run", "--config", str(tmp_path / "agent.toml"), "--xslt", str(steps[0]), "--xslt", str(steps[1])]
    assert (tmp_path / "command").read_text() == repr(
        [*command, "--log-format", "text", "--log-file", str(tmp_path / "log")]
    )
    assert "OCF_" not in (tmp_path / "environment").read_text()


def test_the_form_of_the_log_is_handed_on_and_looked_at(agent: Agent, tmp_path: Path) -> None:
    assert agent("start", log_format="json") == Code.SUCCESS
    assert "'--log-format', 'json'" in (tmp_path / "command").read_text()
    assert agent("stop") == Code.SUCCESS
    assert agent("start", log_format="xml") == Code.ERR_CONFIGURED
    assert "log_format is 'xml', and not text or json" in agent.said


def test_a_daemon_that_died_is_not_running_and_starts_again(agent: Agent) -> None:
    assert agent("start") == Code.SUCCESS
    pid = agent.pid
    agent.kill()
    assert agent("monitor") == Code.NOT_RUNNING
    assert agent("start") == Code.SUCCESS
    assert agent.pid != pid
    assert agent("stop") == Code.SUCCESS


def test_somebody_who_has_its_process_id_now_is_left_alone(agent: Agent) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        agent.state.write_text(f"{stranger.pid} promoted\n")
        assert agent("monitor") == Code.NOT_RUNNING
        assert agent("stop") == Code.SUCCESS
        assert stranger.poll() is None
        assert agent("start") == Code.SUCCESS
        assert agent("monitor") == Code.SUCCESS
        assert agent("stop") == Code.SUCCESS
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("fails", "status 3): the reason"),
        ("breaks", "status 1): no such module"),
        ("silent", "waiting for something"),
    ],
)
def test_a_start_that_fails_says_why_and_leaves_nothing(resource_agent: Make, behaviour: str, words: str) -> None:
    agent = resource_agent("replicator")
    agent.behave(behaviour)
    assert agent("start", timeout=6) == Code.ERR_GENERIC
    # What it takes Python to come so far is not the resource agent's to bound.
    assert time.monotonic() - agent.begun < 6
    assert words in agent.said
    assert agent.said.startswith("ocf-exit-reason:")
    assert agent("monitor") == Code.NOT_RUNNING
    assert not alive(agent.pid)


def test_a_stop_is_bounded_whatever_the_daemon_does(resource_agent: Make) -> None:
    agent = resource_agent("replicator")
    agent.behave("stubborn")
    assert agent("start") == Code.SUCCESS
    begin = time.monotonic()
    assert agent("stop", timeout=10) == Code.SUCCESS
    assert 0.9 < time.monotonic() - begin < 10
    assert not alive(agent.pid)


def test_what_is_missing_on_this_node_is_named(agent: Agent, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    for name in ("config", "binary", "xslt"):
        for action in ("start", "validate-all"):
            assert agent(action, **{name: gone}) == Code.ERR_INSTALLED
            assert gone in agent.said
        assert agent("monitor", interval=0, **{name: gone}) == Code.NOT_RUNNING
        assert agent("stop", **{name: gone}) == Code.SUCCESS
    assert agent("start", user="no-such-user") == Code.ERR_INSTALLED
    assert agent("validate-all", ticket="") == agent("start", ticket="") == Code.ERR_CONFIGURED
    assert agent("validate-all") == Code.SUCCESS


def test_other_actions_are_unknown(agent: Agent) -> None:
    unknown = ["migrate_to", "reload", "notify", ""] + ([] if agent.name == "replicator" else ["promote", "demote"])
    assert {agent(action) for action in unknown} == {Code.ERR_UNIMPLEMENTED}


@pytest.mark.parametrize("name", ["publisher", "subscriber"])
def test_each_of_the_pair_refuses_where_the_other_belongs(resource_agent: Make, name: str) -> None:
    agent = resource_agent(name)
    agent.grant(granted=name == "subscriber")
    assert agent("start") == Code.ERR_GENERIC
    assert "ticket T is" in agent.said
    assert agent.pid == 0
    agent.grant(granted=name == "publisher")
    assert agent("start") == Code.SUCCESS
    agent.grant(granted=name == "subscriber")
    assert agent("monitor") == Code.ERR_GENERIC
    assert f"no {name} here" in agent.said
    assert agent("stop") == Code.SUCCESS
    assert agent("monitor") == Code.NOT_RUNNING


@pytest.mark.parametrize("name", ["publisher", "subscriber"])
def test_a_cluster_that_does_not_tell_is_no_permission(resource_agent: Make, name: str) -> None:
    agent = resource_agent(name)
    agent.lose_cluster()
    assert agent("start") == Code.ERR_GENERIC
    assert "not connected" in agent.said


def test_the_replicator_is_promoted_with_the_ticket_alone(resource_agent: Make) -> None:
    agent = resource_agent("replicator")
    assert agent("promote") == agent("demote") == Code.NOT_RUNNING
    assert agent("start") == Code.SUCCESS
    pid = agent.pid
    assert agent("promote") == Code.ERR_GENERIC
    assert "not granted" in agent.said
    assert agent("monitor") == Code.SUCCESS
    agent.grant()
    assert agent("promote") == agent("promote") == Code.SUCCESS
    assert agent("monitor") == agent("monitor", interval=0) == Code.RUNNING_PROMOTED
    assert agent("demote") == agent("demote") == agent("monitor") == Code.SUCCESS
    assert agent.pid == pid
    assert agent("promote") == Code.SUCCESS
    agent.kill()
    assert agent("monitor") == Code.NOT_RUNNING
    assert agent("start") == agent("monitor") == Code.SUCCESS


def test_the_replicator_says_how_fit_the_node_is(resource_agent: Make) -> None:
    agent = resource_agent("replicator")
    agent.grant()
    assert [agent(action) for action in ("start", "promote", "monitor", "demote", "stop")] == [0, 0, 8, 0, 0]
    assert [line.split(maxsplit=1)[1] for line in agent.scores] == [
        "--promotion --update 5",
        "--promotion --update 10",
        "--promotion --update 5",
        "--promotion --delete",
    ]
    assert agent("start") == Code.SUCCESS
    assert agent("monitor", interval=0) == Code.SUCCESS
    assert len(agent.scores) == 6
    agent.lose_cluster()
    assert agent("stop") == Code.SUCCESS
    assert not alive(agent.pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start it as somebody else")
def test_it_runs_as_the_user_that_is_named(resource_agent: Make, tmp_path: Path) -> None:
    agent = resource_agent("replicator")
    (tmp_path / "command").touch()
    (tmp_path / "environment").touch()
    own = takewhile(lambda folder: folder != Path(tempfile.gettempdir()), tmp_path.parents)
    for path in (*own, tmp_path, *tmp_path.iterdir()):
        path.chmod(0o777)
    assert agent("start", user="nobody") == Code.SUCCESS, agent.said
    assert Path(f"/proc/{agent.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert agent("stop", user="nobody") == Code.SUCCESS
