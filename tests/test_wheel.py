"""A wheel built from the tree installs into a fresh environment and runs there, schemas included; the source distribution has
all of the tree, and gives the same wheel."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.installation import ROOT, copy_tree


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wheel_of(source: Path, folder: Path) -> Path:
    """Build the wheel of a source tree into a folder that is not there yet."""
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source, cwd=source)
    (wheel,) = folder.glob("qmfagent-*.whl")
    return wheel


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, where things may be built."""
    return copy_tree(tmp_path_factory.mktemp("tree") / "source")


@pytest.fixture(scope="module")
def wheel(tree: Path) -> Path:
    """The wheel of the tree."""
    return wheel_of(tree, tree.with_name("wheel"))


@pytest.fixture(scope="module")
def sdist(tree: Path) -> Path:
    """The source distribution of the tree."""
    run(sys.executable, "-m", "build", "--sdist", "--outdir", tree.with_name("sdist"), tree, cwd=tree)
    (sdist,) = tree.with_name("sdist").iterdir()
    return sdist


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of a fresh environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    run(folder / "bin" / "pip", "install", "--quiet", wheel, cwd=folder)
    return folder / "bin"


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
    # What optional parts need is not installed here; what is missing has to be that.
    script = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert error.name.partition(".")[0] not in ("qmfagent", "consoles"), error
print(len(sys.argv) - 1)
"""
    assert run(installed / "python", "-c", script, *modules, cwd=tmp_path) == f"{len(modules)}\n"


def test_every_template_and_static_file_is_inside(installed: Path, tmp_path: Path) -> None:
    script = "from importlib.resources import files; print(files('consoles.web'))"
    shipped = Path(run(installed / "python", "-c", script, cwd=tmp_path).strip())
    web = ROOT / "consoles" / "web"
    for folder in ("templates", "static"):
        for path in (web / folder).rglob("*"):
            assert (shipped / path.relative_to(web)).exists(), path


def test_an_agent_of_the_wheel_loads_its_schema(installed: Path, tmp_path: Path) -> None:
    script = "from qmfagent.agent import load_schema; print(len(load_schema().classes))"
    assert run(installed / "python", "-c", script, cwd=tmp_path) == "7\n"


def test_the_source_distribution_gives_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    again = wheel_of(unpacked, tmp_path / "again")
    assert again.name == wheel.name
    with zipfile.ZipFile(again) as theirs, zipfile.ZipFile(wheel) as ours:
        assert {name: theirs.read(name) for name in sorted(theirs.namelist()) if not name.endswith("RECORD")} == {
            name: ours.read(name) for name in sorted(ours.namelist()) if not name.endswith("RECORD")
        }


def test_the_source_distribution_has_all_of_the_tree(sdist: Path, tree: Path) -> None:
    with tarfile.open(sdist) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    kept = [path for path in tree.rglob("*") if path.is_file() and "egg-info" not in str(path)]
    names = {str(path.relative_to(tree)) for path in kept}
    assert {name for name in names - there if "__pycache__" not in name and not name.startswith("build/")} == set()


def test_the_indexes_would_take_them(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    told = run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel, cwd=tmp_path)
    assert told.count("PASSED") == 2
    with zipfile.ZipFile(wheel) as archive:
        assert any(name.endswith(("licenses/LICENSE", "dist-info/LICENSE")) for name in archive.namelist())
