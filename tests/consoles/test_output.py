"""What the command prints."""

from __future__ import annotations

import pytest

from consoles.cli.output import CELL_WIDTH, print_table


def test_cells_are_cut_but_those_of_the_last_column(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["field", "detail"], [["a" * 2 * CELL_WIDTH, "d" * 500]])
    _, row = capsys.readouterr().out.splitlines()
    cut, detail = row.split()
    assert cut == "a" * (CELL_WIDTH - 1) + "…"
    assert detail == "d" * 500
