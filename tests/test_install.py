"""What `make install` puts where, and that `make uninstall` takes it away again."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.installation import PREFIX, ROOT, Installation
from tests.lab import requirements

LIBDIR = f"{PREFIX}/lib/qmfagent"
AGENTS = "/usr/lib/ocf/resource.d/qmfagent"
UNITS = f"{PREFIX}/lib/systemd/system"
COMPLETIONS = ("bash-completion/completions/{}", "zsh/site-functions/_{}", "fish/vendor_completions.d/{}.fish")


def output(*command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_commands_run_from_where_they_are(installation: Installation) -> None:
    for name in ("qmfagent", "qmfconsole"):
        link = installation.at(f"{PREFIX}/bin/{name}")
        assert str(link.readlink()) == f"{LIBDIR}/bin/{name}"
        command = installation.at(str(link.readlink()))
        assert command.read_text().startswith(f"#!{LIBDIR}/bin/python")
        assert output(installation.at(f"{LIBDIR}/bin/python"), command, "--version")


def test_the_resource_agents_are_where_pacemaker_looks(installation: Installation) -> None:
    found = sorted(path for path in installation.at(AGENTS).iterdir())
    assert [path.name for path in found] == ["publisher", "replicator", "subscriber"]
    for path in found:
        assert path.stat().st_mode & 0o777 == 0o755
        assert path.read_text().startswith(f"#!{LIBDIR}/bin/python -I\n")
        metadata = output(installation.at(f"{LIBDIR}/bin/python"), "-I", path, "meta-data")
        assert f'<resource-agent name="{path.name}"' in metadata


# Of 10, where 10 is a service without any limit, here times 10; below 5 is what systemd calls OK.
@pytest.mark.parametrize(("command", "name", "exposure"), [("run", "qmfagent", 25), ("web", "qmfagent-web", 15)])
def test_the_units_are_sound_and_tight(
    installation: Installation, tmp_path: Path, command: str, name: str, exposure: int
) -> None:
    requirements.require(["systemd-analyze"], root=False, packages="systemd")
    text = installation.at(f"{UNITS}/{name}.service").read_text()
    program = f"{PREFIX}/bin/{'qmfconsole' if command == 'web' else 'qmfagent'}"
    assert f"ExecStart={program} {command}" in text
    assert not re.search("@[a-z]+@", text)
    # It looks for the command on this machine, so it gets one that is there.
    checked = tmp_path / f"{name}.service"
    checked.write_text(text.replace(program, "/bin/true"))
    assert output("systemd-analyze", "verify", checked) == ""
    output("systemd-analyze", "security", "--offline=true", f"--threshold={exposure}", checked)


def test_nothing_of_where_it_was_made_is_in_it(installation: Installation) -> None:
    made = str(installation.root).encode()
    for path in installation.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert made not in path.read_bytes(), path


def test_running_it_writes_nothing(installation: Installation) -> None:
    """Every module has bytecode, and none of it is looked at again: the second word of a file is 1. Source: PEP 552."""
    (packages,) = installation.at(LIBDIR).glob("lib/python*/site-packages")
    for module in ("qmfagent/agent.py", "consoles/main.py", "lxml/builder.py"):
        path = packages / module
        (cached,) = (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")
        assert cached.read_bytes()[4:8] == b"\x01\0\0\0"


def test_the_shells_complete_the_commands(installation: Installation) -> None:
    for name in ("qmfagent", "qmfconsole"):
        for place in COMPLETIONS:
            assert f"_{name.upper()}_COMPLETE" in installation.at(f"{PREFIX}/share/{place.format(name)}").read_text()


def test_dashboard_and_alert_rules_are_there(installation: Installation) -> None:
    shipped = ROOT / "qmfagent/packaging/monitoring"
    there = installation.at(f"{PREFIX}/share/qmfagent/monitoring")
    assert {path.name: path.read_bytes() for path in there.iterdir()} == {
        p.name: p.read_bytes() for p in shipped.iterdir()
    }


def test_what_is_configured_is_there_and_stays(installation: Installation, tmp_path: Path) -> None:
    assert installation.at("/etc/qmfagent").stat().st_mode & 0o777 == 0o750
    for source, target in (("agent.toml", "qmfagent/agent.toml"), ("console.toml", "qmfconsole/config.toml")):
        shipped = (ROOT / "qmfagent/packaging" / source).read_text()
        assert installation.at(f"/etc/{target}").read_text() == shipped
        edited = tmp_path / "etc" / target
        edited.parent.mkdir(parents=True)
        edited.write_text("edited\n")
    output("make", "-C", ROOT, "install-configuration", f"DESTDIR={tmp_path}")
    assert {path.read_text() for path in tmp_path.rglob("*.toml")} == {"edited\n"}


def test_nothing_is_left_but_what_is_the_administrators(installation: Installation, tmp_path: Path) -> None:
    copy = tmp_path / "root"
    shutil.copytree(installation.root, copy, symlinks=True)
    output("make", "-C", ROOT, "uninstall", f"DESTDIR={copy}", f"PREFIX={PREFIX}")
    left = {str(path.relative_to(copy)) for path in copy.rglob("*") if not path.is_dir()}
    assert left == {"etc/qmfagent/agent.toml", "etc/qmfconsole/config.toml"}
    assert not (copy / AGENTS.lstrip("/")).exists()
    assert installation.at(AGENTS).exists()
