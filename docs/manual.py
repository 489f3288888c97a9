"""Writes the manual pages of the commands, from the help that they print themselves.

    python docs/manual.py FOLDER

Rules of this file: everything about commands and options comes from them; what they do not say (files, other pages) stands
below. The form is man(7), which groff and mandoc take; the date is that of SOURCE_DATE_EPOCH, where it is set.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import click

from consoles.main import cli as qmfconsole
from qmfagent.__main__ import cli as qmfagent


@dataclass(frozen=True, slots=True)
class Page:
    """A command, the section of its page, and what its help does not say: a summary, files, other pages, variables."""

    name: str
    section: int
    summary: str
    command: click.Group
    files: Mapping[str, str]
    see_also: str
    variables: Mapping[str, str] = field(default_factory=dict)


PAGES = (
    Page(
        "qmfconsole",
        1,
        "show and steer the sites of a geo cluster through their agents",
        qmfconsole,
        {
            "~/.config/qmfagent/config.toml": "Profiles; XDG_CONFIG_HOME is honoured. Where an option has no value, and no "
            "variable either, that of the profile counts."
        },
        "qmfagent(8)",
        {"NO_COLOR": "No colours, on a terminal either."},
    ),
    Page(
        "qmfagent",
        8,
        "replicate what depends on a ticket to other clusters",
        qmfagent,
        {"/etc/qmfagent/agent.toml": "The configuration of the agent."},
        "qmfconsole(1), crm_ticket(8), boothd(8)",
        {"NOTIFY_SOCKET": "Where to tell that consoles can connect, as systemd sets it."},
    ),
)


_ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", '"': "\\(dq", "|": "|\\:"}


def text(words: str) -> str:
    """Text on lines of their own, and no character of it taken for a request or an escape."""
    return "\n".join(map(word, textwrap.wrap(words, 64, break_long_words=False, break_on_hyphens=False)))


def word(words: str) -> str:
    """Text that may stand within a line, or in quotes. Lists of choices may be broken."""
    escaped = "".join(_ESCAPES.get(character, character) for character in words)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


def render(page: Page) -> str:
    """The page as man(7) has it."""
    context = click.Context(page.command, info_name=page.name)
    day = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    leaves = list(_leaves(page.command, context))
    lines = [
        f'.TH {page.name.upper()} {page.section} {day} "qmfagent {version("qmfagent")}"',
        ".ad l",
        ".SH NAME",
        f"{word(page.name)} \\- {word(page.summary)}",
        ".SH SYNOPSIS",
        f".B {page.name}",
        text(" ".join(page.command.collect_usage_pieces(context))),
        ".SH DESCRIPTION",
        *_paragraphs(page.command.help or ""),
        ".SH OPTIONS",
        *_options(page.command, context),
        ".SH COMMANDS",
        *(line for each in leaves for line in _command(each)),
    ]
    if page.command.epilog:
        statuses = page.command.epilog.removeprefix("Exit status: ").rstrip(".")
        lines += [".SH EXIT STATUS", *(line for each in statuses.split("; ") for line in _item(*each.split(" ", 1)))]
    if variables := {**_variables(page.command), **page.variables}:
        lines += [".SH ENVIRONMENT", *(line for name, what in variables.items() for line in _item(name, what))]
    lines += [".SH FILES", *(line for name, what in page.files.items() for line in _item(name, what))]
    lines += [".SH SEE ALSO", text(page.see_also)]
    return "\n".join(lines) + "\n"


def _leaves(group: click.Group, context: click.Context) -> Iterator[click.Context]:
    """The commands that do something, by name."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _leaves(command, below)
        else:
            yield below


def _command(context: click.Context) -> list[str]:
    name = context.command_path.partition(" ")[2]
    usage = " ".join([name, *context.command.collect_usage_pieces(context)])
    return [f'.SS "{word(usage)}"', *_paragraphs(context.command.help or ""), *_options(context.command, context)]


def _paragraphs(help_text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", help_text.strip()):
        lines += [".PP"] if lines else []
        lines += [text(" ".join(paragraph.replace("\b", "").split()))]
    return lines


def _options(command: click.Command, context: click.Context) -> list[str]:
    records = (option.get_help_record(context) for option in command.get_params(context))
    return [line for record in records if record and record[1] for line in _item(*record)]


def _item(name: str, what: str) -> list[str]:
    return [".TP", f'.B "{word(name)}"', text(" ".join(what.split()))]


def _variables(command: click.Command) -> dict[str, str]:
    return {
        str(option.envvar): f"As {max(option.opts, key=len)}."
        for option in command.params
        if isinstance(option, click.Option) and option.envvar
    }


def main(folder: Path) -> None:
    """Write all pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in PAGES:
        (folder / f"{page.name}.{page.section}").write_text(render(page), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
