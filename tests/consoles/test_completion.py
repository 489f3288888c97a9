"""What shells are offered for the arguments of both commands, and the scripts that ask for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import BashComplete

from consoles.main import cli
from qmfagent.bus.limits.limits import Limits
from tests.consoles.conftest import LONG, TIMEOUT
from tests.lab import requirements

DEAD = "amqp://127.0.0.1:1"
MODULES = {"qmfconsole": "consoles.main", "qmfagent": "qmfagent"}


async def offered(*words: str, at: Any = ()) -> list[str]:
    """What is offered for the last of these words."""
    urls = [part for site in at for part in ("--url", site.url)]
    complete = BashComplete(cli, {}, "qmfconsole", "_QMFCONSOLE_COMPLETE")
    found = await asyncio.to_thread(complete.get_completions, [*urls, *words[:-1]], words[-1])
    return [item.value for item in found]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["diff", "d"], ["db"]),
        (["diff", "db", "--to", ""], ["sitea", "siteb"]),
        (["replicate", "db", "--to", ""], ["sitea", "siteb", "all"]),
        (["history", "--site", "sitea"], ["sitea"]),
        (["watch", "--site", "x"], []),
        (["show", "t"], ["Ticket"]),
        (["ticket", "grant", ""], ["db"]),
        (["ticket", "un"], ["unpin"]),
        (["call", "siteb", "Ticket"], ["Ticket:db"]),
        (["call", "siteb", "Ticket:db", "un"], ["unpin"]),
        (["call", "sitex", "Ticket:db", ""], []),
        (["jour"], ["journal"]),
    ],
)
async def test_names_that_the_sites_know(
    sites: Any, words: list[str], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consoles.cli.completion.PATIENCE", TIMEOUT)
    assert await offered(*words, at=sites) == names


async def test_names_of_profiles(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[profile.prod]\n[profile.preview]\n[profile.test]\n")
    assert await offered("--config", str(file), "--profile", "pr") == ["prod", "preview"]
    file.write_text("profile = 5")
    assert await offered("--config", str(file), "--profile", "pr") == []


@pytest.mark.parametrize("options", [["--url", DEAD], ["--url", "nonsense"], ["--profile", "none"], ["--user", "bob"]])
async def test_what_fails_fails_in_silence(options: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert await offered(*options, "diff", "") == []
    assert capfd.readouterr() == ("", "")


async def test_who_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consoles.asynchronous.CONNECT_TIMEOUT", LONG)
    monkeypatch.setattr("qmfagent.bus.client.connection.Limits", partial(Limits, open_timeout=LONG))
    silent = asyncio.Event()
    server = await asyncio.start_server(lambda reader, writer: silent.wait(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(TIMEOUT):
            assert await offered("--url", f"amqp://127.0.0.1:{port}", "diff", "") == []
        silent.set()


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scripts of both commands for all shells, and the commands."""
    folder = tmp_path_factory.mktemp("completion")
    for name, module in MODULES.items():
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
        command.chmod(0o755)
        for shell in ("bash", "zsh", "fish"):
            printed = subprocess.run(
                [command, "completion", shell], capture_output=True, text=True, timeout=120, check=True
            )
            assert printed.stderr == ""
            (folder / f"{name}.{shell}").write_text(printed.stdout)
    return folder


@pytest.mark.parametrize("command", MODULES)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_are_sound(scripts: Path, shell: str, command: str) -> None:
    requirements.require([shell], root=False, packages="bash zsh fish")
    checked = subprocess.run([shell, "-n", scripts / f"{command}.{shell}"], capture_output=True, text=True, timeout=120)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(("line", "reply"), [("qmfconsole tick", "ticket tickets"), ("qmfagent journal ver", "verify")])
def test_bash_asks_the_command(scripts: Path, line: str, reply: str) -> None:
    name = line.partition(" ")[0]
    script = (
        f"PATH={scripts}:$PATH; source {scripts}/{name}.bash; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
        f'_{name}_completion {name}; echo "${{COMPREPLY[@]}}"'
    )
    shell = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert shell.stdout == f"{reply}\n", shell.stderr
