"""The configuration of drills by the clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmfagent.config import read_config
from qmfagent.errors import ConfigError
from qmfagent.policy.schedule import Schedule


def test_drills(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    entries = {"db-ticket": "30 4 * * sun", "web-ticket": "0 5 * * *"}
    path.write_text("".join(f'[[drill]]\nticket = "{t}"\nschedule = "{s}"\n' for t, s in entries.items()))
    assert read_config(path).drills == {ticket: Schedule(text) for ticket, text in entries.items()}


def test_without_drills(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text("")
    assert read_config(path).drills == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[drill]]\nschedule = '0 5 * * *'", ["[[drill]] has no 'ticket'"]),
        ("[[drill]]\nticket = 'T'", ["[[drill]] has no 'schedule'"]),
        ("[[drill]]\nticket = 'T'\nschedule = '0 5 30 2 *'", ["'schedule' in [[drill]]"]),
        ("[[drill]]\nticket = 'T'\nschedule = 'often'", ["'schedule' in [[drill]]", "five fields"]),
        ("[[drill]]\nticket = 'T'\nschedule = '0 5 * * *'\nby = 'me'", ["'by' in [[drill]]"]),
        ("[[drill]]\nticket = 'T'\nschedule = '0 5 * * *'\n" * 2, ["'ticket' in [[drill]]", "twice"]),
        ("drill = 'T'", ["'drill' is not a list"]),
    ],
)
def test_errors_name_the_key(text: str, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as failed:
        read_config(path)
    assert all(word in str(failed.value) for word in [str(path), *words])
