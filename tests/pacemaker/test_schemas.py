from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qmfagent.cib.snapshot import Snapshot
from qmfagent.pacemaker import schemas

RNG = (
    '<element name="cib" xmlns="http://relaxng.org/ns/structure/1.0"><zeroOrMore><attribute><anyName/></attribute>'
    '</zeroOrMore><element name="configuration"><empty/></element><element name="status"><empty/></element></element>'
)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A schema directory of our own, with the schema pacemaker-0.1."""
    monkeypatch.setenv("PCMK_schema_directory", str(tmp_path))
    (tmp_path / "pacemaker-0.1.rng").write_text(RNG)
    return tmp_path


def snapshot(validate_with: str, configuration: str = "") -> Snapshot:
    return Snapshot.parse(
        f'<cib validate-with="{validate_with}"><configuration>{configuration}</configuration></cib>'.encode()
    )


def test_the_schema_is_the_one_the_cib_names(directory: Path) -> None:
    assert schemas.schema_file("pacemaker-0.1") == directory / "pacemaker-0.1.rng"
    assert schemas.faults(snapshot("pacemaker-0.1")) == ""
    assert "resources" in schemas.faults(snapshot("pacemaker-0.1", "<resources/>"))


def test_a_schema_that_is_not_there_is_a_fault(directory: Path) -> None:
    assert "pacemaker-9.9" in schemas.faults(snapshot("pacemaker-9.9"))


@pytest.mark.parametrize("name", ["../pacemaker-0.1", "/etc/passwd", "", "a b"])
def test_a_name_is_no_path(directory: Path, name: str) -> None:
    (directory / "sub").mkdir()
    assert schemas.schema_file(name) is None


@pytest.mark.parametrize("name", ["", "none"])
def test_a_cib_that_wants_no_validation_gets_none(directory: Path, name: str) -> None:
    assert schemas.faults(snapshot(name, "<anything/>")) == ""


def test_without_pacemaker_nothing_is_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PCMK_schema_directory", str(tmp_path / "absent"))
    assert schemas.schema_directory() is None
    assert schemas.faults(snapshot("pacemaker-3.9", "<anything/>")) == ""


@pytest.mark.pacemaker
def test_pacemakers_own_schemas(pacemaker_tools: None, cib: Callable[..., bytes]) -> None:
    assert schemas.faults(Snapshot.parse(cib())) == ""
    assert "primitive" in schemas.faults(Snapshot.parse(cib().replace(b'class="ocf"', b"")))
