"""A wheel built from the tree installs into a fresh environment and runs there, schemas included."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of a fresh environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("wheel")
    # A copy, since setuptools would put what an earlier build left in the tree into the wheel, too.
    leave = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "tests", "docs")
    shutil.copytree(ROOT, folder / "source", symlinks=True, ignore=leave)
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        folder,
        folder / "source",
        cwd=folder,
    )
    (wheel,) = folder.glob("qmfagent-*.whl")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    run(folder / "venv" / "bin" / "pip", "install", "--quiet", wheel, cwd=folder)
    return folder / "venv" / "bin"


def test_the_commands_run(installed: Path, tmp_path: Path) -> None:
    ids = run(
        installed / "qmfagent", "closure", "db-ticket", "--cib", ROOT / "tests/demo/paris.xml", "--ids", cwd=tmp_path
    )
    assert "db-clone\n" in ids
    assert "replicate" in run(installed / "qmfconsole", "--help", cwd=tmp_path)


def test_every_schema_is_inside(installed: Path, tmp_path: Path) -> None:
    script = "from importlib.resources import files; print(sorted(f.name for f in files('qmfagent.schemas').iterdir()))"
    shipped = run(installed / "python", "-c", script, cwd=tmp_path)
    for path in (ROOT / "schemas").iterdir():
        assert repr(path.name) in shipped


def test_every_module_is_inside(installed: Path, tmp_path: Path) -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in ("qmfagent", "consoles")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name != "__main__.py"
    ]
    script = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(len(sys.argv) - 1)"
    assert run(installed / "python", "-c", script, *modules, cwd=tmp_path) == f"{len(modules)}\n"


def test_an_agent_of_the_wheel_loads_its_schema(installed: Path, tmp_path: Path) -> None:
    script = "from qmfagent.agent import load_schema; print(len(load_schema().classes))"
    assert run(installed / "python", "-c", script, cwd=tmp_path) == "7\n"
