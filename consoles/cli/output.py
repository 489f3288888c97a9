"""What the command prints: tables, pairs, plans and JSON on standard output, complaints on standard error.

Rules of this file: nothing is printed that words.py has not made safe, or json escaped. Colours and the width of the
terminal are used on a terminal alone; in a pipe lines are as long as they are. Nothing is printed elsewhere, except by
click (help, prompts).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from consoles.values import Plan
from consoles.words import elided, safe
from qmfagent.cib.plans.report import COLOURS, Line, plan_lines

CELL_WIDTH = 48
_ENDLESS = 100_000

_STYLES = {**COLOURS, "error": "bold red", "head": "bold", "plain": ""}


def print_line(text: str, style: str = "") -> None:
    """One line."""
    _stream().print(Text(safe(text), style=style), soft_wrap=True)
    sys.stdout.flush()


def print_json(document: Any, *, indent: int | None = 2) -> None:
    """One JSON document; `indent` None puts it in one line."""
    print(json.dumps(document, indent=indent, default=str), flush=True)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str | tuple[str, str]]]) -> None:
    """A table; a cell is its text, or its text and style. Long ones are cut, but for those of the last column."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(Text(safe(header)), overflow="fold")
    for row in rows:
        *cells, last = row
        table.add_row(*(_cell(cell, CELL_WIDTH) for cell in cells), _cell(last))
    _stream().print(table)


def print_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Names and values, one pair a line; the lines of a longer value follow its name."""
    for name, value in pairs:
        lines = value.splitlines()
        if len(lines) <= 1:
            print_line(f"{name}: {value}".rstrip())
            continue
        print_line(f"{name}:")
        for line in lines:
            print_line(line)


def print_plan(plan: Plan) -> None:
    """A plan; its problems go to standard error."""
    print_lines(plan_lines(plan.content, plan.site))


def print_lines(lines: Iterable[Line]) -> None:
    """Lines in the styles of a report; errors and warnings go to standard error."""
    for style, text in lines:
        _stream(err=style in ("error", "warning")).print(Text(safe(text), style=_STYLES[style]), soft_wrap=True)


def warn(text: str) -> None:
    """Something went wrong that the command can do without."""
    _stream(err=True).print(Text(f"qmfconsole: warning: {safe(text)}", style="yellow"), soft_wrap=True)


def complain(text: str) -> None:
    """The command failed: why, and what to do next."""
    _stream(err=True).print(Text(f"qmfconsole: {safe(text)}", style="red"), soft_wrap=True)


def complain_json(document: Any) -> None:
    """The same for programs: one line of JSON, the last one on standard error."""
    print(json.dumps(document, default=str), file=sys.stderr, flush=True)


def unreachable_list(unreachable: Mapping[str, str]) -> list[dict[str, str]]:
    """The URLs that can't be reached, as all JSON documents list them."""
    return [{"url": url, "reason": reason} for url, reason in unreachable.items()]


def _cell(cell: str | tuple[str, str], width: int | None = None) -> Text:
    text, style = (cell, "") if isinstance(cell, str) else cell
    return Text(safe(text) if width is None else elided(safe(text), width), style=style)


def _stream(err: bool = False) -> Console:
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else _ENDLESS
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
