"""The configuration files that are installed: complete, true in what they call a default, and usable line by line.

Rules of this file: `#key = value` is a default unless it ends in "# example", so uncommenting it may change nothing. What keys
there are is heard from the code that reads them.
"""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consoles import profiles
from consoles.profiles import Profile, read_profile
from qmfagent.config import Config, read_config
from qmfagent.config.table import Table
from tests.installation import ROOT

PACKAGING = ROOT / "qmfagent" / "packaging"
AGENT = (PACKAGING / "agent.toml").read_text().splitlines()
CONSOLE = (PACKAGING / "console.toml").read_text().splitlines()

_HEADER = re.compile(r"#?\[+([\w.]+)\]+$")
_KEY = re.compile(r"#?(\w+) = ")
_EXAMPLE = "  # example"


def sections(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Each line with the section that it is in, which is empty at the top."""
    section = ""
    for line in lines:
        found = _HEADER.match(line)
        section = found[1] if found else section
        yield section, line


def uncommented(lines: list[str], wanted: Callable[[str, str], bool]) -> str:
    """The file with the keys and sections uncommented that are `wanted`, told by section and line."""
    return "".join(
        (line.removeprefix("#") if (_HEADER.match(line) or _KEY.match(line)) and wanted(section, line) else line) + "\n"
        for section, line in sections(lines)
    )


def defaults(lines: list[str]) -> list[tuple[str, str]]:
    """The lines that give defaults, with their sections."""
    return [
        (section, line)
        for section, line in sections(lines)
        if line.startswith("#") and _KEY.match(line) and not line.endswith(_EXAMPLE)
    ]


def keys(lines: list[str]) -> dict[str, set[str]]:
    """The keys of each section, commented out or not."""
    found: dict[str, set[str]] = defaultdict(set)
    for section, line in sections(lines):
        if key := _KEY.match(line):
            found[section].add(key[1])
    return found


@pytest.fixture
def agent(tmp_path: Path) -> Callable[[str], Config]:
    """Reads a configuration of the agent, which finds the files that it names."""
    for name in ("paris.pem", "paris.key", "ca.pem", "users.sasldb", "paris.sign.key", "lyon.sign.pub"):
        (tmp_path / name).touch()
    (tmp_path / "paris.password").write_text("secret\n")
    (tmp_path / "paris.password").chmod(0o600)

    def read(text: str) -> Config:
        path = tmp_path / "agent.toml"
        path.write_text(text)
        return read_config(path)

    return read


def complete(*, broker: bool) -> str:
    """All of the agent's file uncommented, at a broker or listening: they exclude each other."""
    leave = "listen" if broker else "broker"
    text = uncommented(AGENT, lambda section, line: section != leave)
    if broker:
        text = text.replace("[listen]\n", "")
    # Certificates want TLS everywhere, and a schedule the mode that goes by it: the defaults of both are others.
    text = text.replace('url = "amqp://127.0.0.1:5672"', 'url = "amqps://127.0.0.1:5671"')
    return text.replace('mode = "manual"', 'mode = "periodic"', 1)


def test_as_it_stands_it_says_nothing(agent: Callable[[str], Config]) -> None:
    assert agent("\n".join(AGENT)) == Config()


@pytest.mark.parametrize(("section", "line"), defaults(AGENT))
def test_what_it_calls_a_default_is_one(agent: Callable[[str], Config], section: str, line: str) -> None:
    before = "\n".join(AGENT)
    if f"#[{section}]" in AGENT:
        # The section needs what it has no default for; at a broker there is no [listen], but a certificate.
        needed = ("broker", "tls") if section == "broker" else (section,)
        before = uncommented(AGENT, lambda at, text: at in needed and text.endswith((_EXAMPLE, "]")))
    if section == "broker":
        before = before.replace("[listen]\n", "")
    after = "\n".join(
        text.removeprefix("#") if (at, text) == (section, line) else text for at, text in sections(before.splitlines())
    )
    assert after != before
    assert agent(after) == agent(before)


@pytest.mark.parametrize("broker", [False, True])
def test_everything_in_it_can_be_used_together(agent: Callable[[str], Config], broker: bool) -> None:
    config = agent(complete(broker=broker))
    assert [peer.site for peer in config.peers] == ["lyon"]
    assert (config.broker is not None) == broker


def test_it_has_every_key_that_there_is(agent: Callable[[str], Config], monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, set[str]] = defaultdict(set)
    only = Table.only

    def listening(self: Table, *names: str) -> None:
        known[self.where.strip("[]")] |= set(names)
        only(self, *names)

    monkeypatch.setattr(Table, "only", listening)
    for broker in (False, True):
        agent(complete(broker=broker))
    there = keys(AGENT)
    all_sections = {section for section, _ in sections(AGENT)} - {""}
    assert known.pop("") == there.pop("") | all_sections
    assert known.pop("replication.windows") == {"start", "minutes"}
    assert known == there


def test_the_consoles_file_says_nothing_as_it_stands(tmp_path: Path) -> None:
    assert read_profile(Path(shutil.copy(PACKAGING / "console.toml", tmp_path)), None) == Profile()


def test_the_consoles_file_has_every_key(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(uncommented(CONSOLE, lambda section, line: True))
    profile = read_profile(path, None)
    assert profile.name == "prod"
    assert profile.user == "alice@qmfagent"
    there = keys(CONSOLE)
    assert there == {"": {"default"}, "profile.prod": set(profiles._KEYS)}


@pytest.mark.parametrize(("section", "line"), defaults(CONSOLE))
def test_what_the_consoles_file_calls_a_default_is_one(tmp_path: Path, section: str, line: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(uncommented(CONSOLE, lambda at, text: text in (line, f"#[{section}]")))
    assert read_profile(path, "prod") == Profile("prod")
