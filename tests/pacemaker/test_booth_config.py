"""What is read in booth's configuration."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from qmfagent.pacemaker.booth_config import BoothConfigs, parse

GEO = """\
# paris and lyon
transport = UDP
port = 9929
authfile = /etc/booth/authkey
site = 10.77.0.1
  site="10.77.0.2"   # lyon
site = '2001:db8::1'
site = nice.example.com
arbitrator = 10.77.0.3
ticket = "db-ticket"
  expire = 12
  mode = MANUAL
ticket="web-ticket"
  attr-prereq = auto repl_state eq ACTIVE
"""


def test_the_sites_have_the_numbers_that_booth_gives_them() -> None:
    """Those of IPv4 are what boothd 1.0 tells of itself."""
    assert parse(GEO, Path("/etc/booth/geo.conf")).sites == {
        "1102844285": "10.77.0.1",
        "1488273607": "10.77.0.2",
        "2140319832": "2001:db8::1",
        "nice.example.com": "nice.example.com",
    }


def test_tickets_are_manual_or_not() -> None:
    assert parse(GEO, Path("geo.conf")).tickets == {"db-ticket": True, "web-ticket": False}


def test_defaults_are_those_of_the_tickets_after_them_and_no_ticket() -> None:
    text = 'ticket="__defaults__"\nmode = manual\nticket = a\nticket = b\nmode = auto\n'
    assert parse(text, Path("geo.conf")).tickets == {"a": True, "b": False}


def test_the_name_is_the_files_or_the_one_in_it() -> None:
    assert parse(GEO, Path("/etc/booth/geo.conf")).name == "geo"
    assert parse('name = "other"\n' + GEO, Path("/etc/booth/geo.conf")).name == "other"


@pytest.mark.parametrize(
    "line", ['ticket="T', "ticket=", "ticket", "# ticket = T", 'ticket = "T" x', "=T", "ticket: T"]
)
def test_what_booth_refuses_says_nothing(line: str) -> None:
    assert parse(line, Path("geo.conf")).tickets == {}


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "geo.conf"
    path.write_text("ticket = a\n")
    configs = BoothConfigs([path])
    first = configs.of("a")
    assert first is configs.of("a") is not None
    path.write_text("ticket = b\n")
    os.utime(path, (1, 1))
    assert configs.of("a") is None
    assert configs.of("b") is not None


def test_one_that_is_not_there_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    configs = BoothConfigs([tmp_path / "none.conf"])
    with caplog.at_level(logging.WARNING):
        assert configs.of("a") is configs.of("b") is None
    assert len(caplog.records) == 1
    (tmp_path / "none.conf").write_text("ticket = a\n")
    assert configs.of("a") is not None


def test_all_of_booths_own_directory_count_where_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmfagent.pacemaker.booth_config.DIRECTORY", tmp_path / "none")
    assert BoothConfigs(None).of("a") is None
    monkeypatch.setattr("qmfagent.pacemaker.booth_config.DIRECTORY", tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"{name}.conf").write_text(f"ticket = {name}\n")
    (tmp_path / "authkey").write_text("ticket = key\n")
    configs = BoothConfigs(None)
    assert [(found := configs.of(ticket)) and found.name for ticket in ("one", "two", "key")] == ["one", "two", None]
