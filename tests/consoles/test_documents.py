"""The schema of the commands' JSON is sound, and whole. What they print is held against it wherever they are run (conftest)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from jsonschema import Draft202012Validator, ValidationError

from consoles.cli.status import ERROR, REFUSED, UNREACHABLE, USAGE
from consoles.cli.ticket import ticket_command
from consoles.main import cli
from tests.consoles.documents import CONSOLE, NO_JSON, SCHEMAS, validate

PARTS = {"error", "name", "version", "token", "number", "nanoseconds", "applied", "unreachable"}
FORMS = {"show-change", "replicate-all"}


def commands(group: click.Group = cli, before: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name}-")
        else:
            yield f"{before}{name}", command


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(CONSOLE)


def test_every_command_has_json_and_a_definition() -> None:
    found = {name: any(option.name == "as_json" for option in command.params) for name, command in commands()}
    assert {name for name, has in found.items() if not has} == NO_JSON & found.keys()
    assert CONSOLE["$defs"].keys() == ({name for name, has in found.items() if has} | PARTS | FORMS)


def test_every_command_is_in_the_reference() -> None:
    reference = (SCHEMAS.parent / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    table = reference.partition("## Commands")[2].partition("## Exit status")[0]
    named = {word for words in re.findall(r"`([a-z][^`]*)`", table) for word in [words.split()[0]]}
    assert cli.commands.keys() <= named


def test_it_names_what_there_is() -> None:
    definitions = CONSOLE["$defs"]
    (choice,) = (option.type for option in ticket_command.params if option.name == "action")
    assert isinstance(choice, click.Choice)
    assert list(choice.choices) == definitions["ticket"]["properties"]["action"]["enum"]
    statuses = definitions["error"]["properties"]["error"]["properties"]["status"]["enum"]
    assert statuses == [ERROR, REFUSED, UNREACHABLE, USAGE]


def test_a_key_that_nobody_was_told_of_is_found() -> None:
    document = {"site": "paris", "ticket": "db", "action": "grant"}
    validate("ticket", document)
    for wrong in ({**document, "more": 1}, {**document, "action": "burn"}, {"site": "paris"}):
        with pytest.raises(ValidationError):
            validate("ticket", wrong)
