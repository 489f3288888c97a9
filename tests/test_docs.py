"""The documentation as `make docs` makes it: without a warning, and with all of the schema in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qmfagent.agent import load_schema

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as text, one file each."""
    made = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "text", "-d", str(made / "read")]
    done = subprocess.run([*command, str(DOCS), str(made / "text")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return made / "text"


def test_everything_in_the_schema_is_described(site: Path) -> None:
    page = (site / "reference/schema.txt").read_text()
    schema = load_schema()
    for described in (*schema.classes, *schema.events):
        assert described.id.name in page
    for method in (method for described in schema.classes for method in described.methods):
        assert method.desc[:30] in page
    assert 'Least role: "replicator"' in page


def test_every_command_is_described(site: Path) -> None:
    page = (site / "reference/commands.txt").read_text()
    for command in ("qmfconsole replicate", "qmfconsole journal verify", "qmfagent run", "qmfagent closure"):
        assert command in page


def test_the_changelog_is_among_the_pages(site: Path) -> None:
    assert "Compatibility" in (site / "project/changelog.txt").read_text()
