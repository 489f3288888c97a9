"""The Debian packages on a machine that has nothing else: installed, used, upgraded, removed."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest

import qmfagent
from tests.installation import ROOT
from tests.packages.conftest import Built
from tests.packages.machine import Machine

LIBDIR = "/usr/lib/qmfagent"
AGENTS = "/usr/lib/ocf/resource.d/qmfagent"
CIB = ROOT / "tests" / "demo" / "paris.xml"
UNITS = ("qmfagent.service", "qmfagent-web.service")


def fields(package: Path) -> dict[str, str]:
    """What a package says of itself."""
    shown = subprocess.run(["dpkg-deb", "--field", package], capture_output=True, text=True, check=True, timeout=20)
    return dict(re.findall(r"^([\w-]+): (.*)$", shown.stdout, re.MULTILINE))


def listed(text: str) -> set[str]:
    """The names in a list of packages."""
    return {part.split()[0] for part in text.replace("\\\n", " ").split(",")}


def newer(package: Path, folder: Path) -> Path:
    """The same package of a higher version."""
    tree, made = folder / package.stem, folder / f"newer-{package.name}"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True, timeout=60)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"(\d\.\d\.\d-)1", r"\g<1>2", control.read_text()))
    subprocess.run(["dpkg-deb", "-Znone", "--build", tree, made], check=True, timeout=60, stdout=subprocess.DEVNULL)
    return made


def test_lintian_has_nothing_to_say(built: Built) -> None:
    done = subprocess.run(["lintian", built.changes], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr


def test_what_they_need_is_what_they_were_built_with(built: Built) -> None:
    agent, console = fields(built.agent), fields(built.console)
    assert agent["Version"] == console["Version"]
    assert agent["Version"].rpartition("-")[0] == qmfagent.__version__
    assert agent["Depends"] == f"qmfagent-console (= {agent['Version']})"
    assert "pacemaker" in agent["Recommends"]
    contents = subprocess.run(
        ["dpkg-deb", "--contents", built.console], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    python = re.search(rf"\.{LIBDIR}/bin/python -> (python3\.\d+)$", contents, re.MULTILINE)
    assert python
    assert {python[1], "libsasl2-2", "libssl3", "libsasl2-modules"} <= listed(console["Depends"])


def test_make_installs_what_control_says_that_building_takes() -> None:
    control = (ROOT / "debian" / "control").read_text()
    wanted = re.search(r"^Build-Depends: (.*?)^\S*$", control, re.MULTILINE | re.DOTALL)
    named = re.findall(r"^(?:BUILD|DEB)_PACKAGES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert wanted
    needed = {name.partition("-compat")[0] for name in listed(wanted[1])}
    assert needed <= set(" ".join(named).split())


def test_the_commands_run_and_write_nothing(machine: Machine) -> None:
    before = machine.files(LIBDIR, "/root", "/var/lib")
    assert machine.run("qmfagent", "--version") == f"qmfagent, version {qmfagent.__version__}\n"
    assert machine.run("qmfconsole", "--version") == f"qmfconsole, version {qmfagent.__version__}\n"
    for name in ("publisher", "subscriber", "replicator"):
        assert f'<resource-agent name="{name}"' in machine.run(f"{AGENTS}/{name}", "meta-data")
    assert machine.files(LIBDIR, "/root", "/var/lib") == before
    assert machine.run("dpkg", "--verify", "qmfagent", "qmfagent-console") == ""


def test_an_agent_serves_and_both_consoles_reach_it(machine: Machine) -> None:
    machine.at("/srv/cib.xml").write_bytes(CIB.read_bytes())
    config = machine.at("/etc/qmfagent/agent.toml")
    config.write_text(
        config.read_text().replace("[cib]\n", '[cib]\nfile = "/srv/cib.xml"\n')
        + '[[access]]\nidentity = "anonymous"\nrole = "viewer"\n'
    )
    with machine.serving("qmfagent", "run"):
        assert "paris" in machine.run("qmfconsole", "sites")
        with machine.serving("qmfconsole", "web"):
            pass


def test_nothing_is_enabled(machine: Machine) -> None:
    shipped = {path for path in machine.files("/etc/systemd", "/lib/systemd/system") if "qmfagent" in path}
    assert shipped == {f"/lib/systemd/system/{unit}" for unit in UNITS}


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_name_what_is_there(machine: Machine, unit: str) -> None:
    text = machine.at(f"/lib/systemd/system/{unit}").read_text()
    command = re.search(r"^ExecStart=(\S+)", text, re.MULTILINE)
    page = re.search(r"^Documentation=file:(\S+)$", text, re.MULTILINE)
    assert command
    assert page
    machine.run("test", "-x", command[1])
    machine.run("test", "-s", page[1])


def test_everything_is_roots_and_nobody_elses_to_write(machine: Machine) -> None:
    paths = machine.run("dpkg", "--listfiles", "qmfagent", "qmfagent-console").split("\n")
    found = 0
    for path in {path for path in paths if "qmf" in path}:
        status = machine.at(path).lstat()
        assert (status.st_uid, status.st_gid) == (0, 0), path
        assert not status.st_mode & (stat.S_ISUID | stat.S_ISGID), path
        assert stat.S_ISLNK(status.st_mode) or not status.st_mode & 0o022, path
        found += 1
    assert found > 1000
    assert machine.at("/etc/qmfagent").stat().st_mode & 0o7777 == 0o750
    assert machine.at("/etc/qmfconsole/config.toml").stat().st_mode & 0o7777 == 0o644


def test_manual_pages_and_documentation_are_there(machine: Machine) -> None:
    for path in (
        "/usr/share/man/man8/qmfagent.8.gz",
        "/usr/share/man/man1/qmfconsole.1.gz",
        "/usr/share/doc/qmfagent/copyright",
        "/usr/share/doc/qmfagent/upgrade.md",
        "/usr/share/bash-completion/completions/qmfagent",
        "/usr/share/zsh/vendor-completions/_qmfconsole",
    ):
        assert machine.at(path).exists() or machine.run("find", f"{path}.gz"), path


def test_an_upgrade_keeps_what_is_configured_and_recorded(machine: Machine, built: Built, tmp_path_factory) -> None:
    theirs = own(machine)
    folder = tmp_path_factory.mktemp("newer")
    for package in built.packages:
        made = newer(package, folder)
        machine.at(f"/srv/{made.name}").write_bytes(made.read_bytes())
    machine.run("sh", "-c", "exec dpkg --install /srv/newer-*.deb </dev/null")
    shown = machine.run("dpkg-query", "--show", "--showformat=${Version} ${db:Status-Status}\n", "qmfagent*")
    assert len(set(shown.splitlines())) == 1
    assert "-2 installed" in shown
    assert {path: machine.at(path).read_text() for path in theirs} == theirs
    assert machine.at("/etc/qmfagent").stat().st_mode & 0o777 == 0o750


def test_a_removal_leaves_the_configuration_and_a_purge_the_sites_own(machine: Machine) -> None:
    theirs = own(machine)
    machine.at("/var/log/qmfagent.log").write_text("log")
    machine.run("apt-get", "remove", "--yes", "qmfagent")
    assert not machine.files(AGENTS, "/usr/bin/qmfagent", "/lib/systemd/system/qmfagent.service")
    machine.run("qmfconsole", "--version")
    machine.run("apt-get", "remove", "--yes", "qmfagent-console")
    assert not machine.files(LIBDIR)
    assert {path: machine.at(path).read_text() for path in theirs} == theirs
    machine.run("apt-get", "purge", "--yes", "qmfagent", "qmfagent-console")
    kept = {path for path in theirs if not path.endswith(".toml")}
    left = machine.files("/etc", "/usr", "/lib/systemd", "/var")
    assert {path for path in left if "qmf" in path and "/dpkg/" not in path and "archives" not in path} == {
        *kept,
        *(str(Path(path).parent) for path in kept),
    }


def own(machine: Machine) -> dict[str, str]:
    """What an administrator and an agent have made of the machine: the texts of files."""
    files = {
        "/etc/qmfagent/agent.toml": "# edited\n",
        "/etc/qmfagent/paris.key": "a key",
        "/etc/qmfconsole/config.toml": "# edited\n",
        "/var/lib/qmfagent/journal.sqlite": "a journal",
    }
    for path, text in files.items():
        machine.at(path).parent.mkdir(exist_ok=True)
        machine.at(path).write_text(text)
    return files
