"""The manual pages: complete, and nothing that a formatter complains about."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from docs.manual import PAGES, Page, text
from tests.installation import PREFIX, ROOT, Installation
from tests.lab import requirements


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("man")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "86400"}
    subprocess.run([sys.executable, ROOT / "docs" / "manual.py", folder], env=environment, timeout=120, check=True)
    return folder


def commands(group: click.Group, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.parametrize("width", [60, 100])
def test_man_and_groff_take_it(pages: Path, page: Page, width: int) -> None:
    requirements.require(["man", "groff"], root=False, packages="man-db groff-base")
    file = pages / f"{page.name}.{page.section}"
    environment = {**os.environ, "MANWIDTH": str(width), "LC_ALL": "C.UTF-8"}
    shown = subprocess.run(
        ["man", "--warnings=all", "-l", file], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert shown.stderr == ""
    assert "1970-01-02" in shown.stdout
    for name in commands(page.command):
        assert f"   {name} [OPTIONS]" in shown.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_mandoc_takes_it(pages: Path, page: Page) -> None:
    requirements.require(["mandoc"], root=False, packages="mandoc")
    file = pages / f"{page.name}.{page.section}"
    checked = subprocess.run(
        ["mandoc", "-Tlint", "-Wall", file], capture_output=True, text=True, timeout=120, check=False
    )
    assert (checked.stdout, checked.stderr, checked.returncode) == ("", "", 0)


def test_nothing_in_a_text_is_a_request_or_an_escape() -> None:
    assert text('.TH it\'s a\\b "c" --d') == "\\&.TH it\\(aqs a\\eb \\(dqc\\(dq \\-\\-d"


def test_they_are_installed(installation: Installation) -> None:
    for page in PAGES:
        file = installation.at(f"{PREFIX}/share/man/man{page.section}/{page.name}.{page.section}")
        assert file.read_text().startswith(f".TH {page.name.upper()} {page.section} ")
