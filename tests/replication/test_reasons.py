"""The names of refusals and failures: documented, and no others in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import qmfagent
from qmfagent import errors
from qmfagent.replication.reasons import MAX_MESSAGE, REASONS, REFUSALS, message_of, reason_of

ROOT = Path(qmfagent.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "reasons.md"


def test_the_page_explains_exactly_the_reasons_there_are() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), re.MULTILINE)) == REASONS


def given_in_the_code() -> set[str]:
    """The reasons that are written down where something is refused, or stands against a plan."""
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            texts = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args[:2]]
            if node.func.id == "Refused" or (node.func.id == "Problem" and texts[1] == "error"):
                found.add(texts[0])
    return {text for text in found if isinstance(text, str)}


def test_every_reason_that_the_code_gives_is_one_of_them() -> None:
    assert given_in_the_code() == REFUSALS


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.Refused("split", "x"), "split"),
        (errors.RemoteError("x", reason="clash"), "clash"),
        (errors.RemoteError("x"), "remote"),
        (errors.ConfigurationChanged("x"), "configuration-changed"),
        (errors.WriteRejected("x"), "rejected"),
        (errors.Disconnected("x"), "disconnected"),
        (errors.ClusterError("x"), "cluster"),
        (errors.ConnectionLost("x"), "unreachable"),
        (errors.RequestTimeout("x"), "unreachable"),
        (errors.BusError("x"), "remote"),
        (errors.UnknownTicket("x"), "unknown-ticket"),
        (errors.CibError("x"), "invalid"),
        (errors.SiteFileError("x"), "invalid"),
        (errors.TransformError("x"), "invalid"),
        (errors.UnknownObject("x"), "invalid"),
    ],
)
def test_every_error_has_a_reason(error: errors.QmfAgentError, reason: str) -> None:
    assert reason_of(error) == reason
    assert reason in REASONS


def test_words_are_cut_where_they_are_very_many() -> None:
    assert message_of(errors.CibError("x", hint="y")) == "x; y"
    long = message_of(errors.CibError("x" * 100_000))
    assert len(long) == MAX_MESSAGE
    assert long.endswith("\N{HORIZONTAL ELLIPSIS}")
