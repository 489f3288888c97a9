"""Third-party files are what they are said to be, and no template has what the content security policy forbids."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from consoles.web.rendering import HERE, STATIC

VENDORED = (STATIC / "vendor", Path(__file__).parent / "vendor")
TEMPLATES = sorted((HERE / "templates").glob("*.html"))


@pytest.mark.parametrize("folder", VENDORED, ids=["shipped", "tests"])
def test_vendored_files_are_those_of_their_versions(folder: Path) -> None:
    versions = json.loads((folder / "versions.json").read_text())
    files = {path.name for path in folder.iterdir() if path.suffix in (".js", ".css")}
    assert files == versions.keys()
    for name, entry in versions.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry["sha256"], name
        assert entry["version"] in entry["source"]
        licence = (folder / f"LICENSE.{entry['package'].rpartition('/')[2].removesuffix('.org')}").read_text()
        assert len(licence) > 500


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_inline(template: Path) -> None:
    text = template.read_text()
    for tag in re.findall(r"<script\b[^>]*>", text):
        assert " src=" in tag, tag
    assert not re.search(r"<style\b", text)
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"\s(on[a-z]+|hx-on[:\w-]*|hx-vals\s*=\s*[\"']js:)\s*=", text)
    assert "javascript:" not in text
    assert "| safe" not in text
    assert "|safe" not in text


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_links_are_made_by_url(template: Path) -> None:
    """So that they are right behind a proxy, and names in them are quoted."""
    attributes = r'\s(?:href|src|action|hx-(?:get|post)|sse-connect)="([^"]*)'
    for target in re.findall(attributes, template.read_text()):
        assert target.startswith(("{{", "#")), target


def test_nothing_of_ours_evaluates_text() -> None:
    for script in STATIC.glob("*.js"):
        text = script.read_text()
        assert not re.search(r"\beval\(|new Function|document\.write", text), script.name
