"""What the documentation says of the scripting API is what there is, and the code it shows is that of the examples."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from consoles import client
from tests.examples.conftest import EXAMPLES, ROOT

DOCS = ROOT / "docs"
REFERENCE = (DOCS / "reference" / "client.md").read_text()
INTERNAL = {"Subscription.announce", "Subscription.heard", "Permissions.read"}
"""Members that are there for the console itself."""
DEFAULTS = {"environment": "os.environ", "on_problem": "log.warning", "tell": "..."}
"""Defaults that have no readable form of their own."""


def form(name: str, function: object) -> str:
    """A call as the reference writes it: names and defaults, no types."""
    parameters = []
    for each in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        default = each.default
        if default is not inspect.Parameter.empty and each.name in DEFAULTS:
            default = _Shown(DEFAULTS[each.name])
        if each.name != "self":
            parameters.append(each.replace(annotation=inspect.Parameter.empty, default=default))
    return f"{name}{inspect.Signature(parameters)}"


class _Shown:
    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def members() -> Iterator[tuple[str, str]]:
    """The class and what the reference is to have in backquotes, of every public member."""
    for name in client.__all__:
        exported = getattr(client, name)
        if not inspect.isclass(exported) or issubclass(exported, Exception):
            continue
        fields = [each.name for each in dataclasses.fields(exported)] if dataclasses.is_dataclass(exported) else []
        yield from ((name, field) for field in fields)
        if not exported.__module__.startswith("consoles.") or exported is client.Console:
            continue
        for member, value in inspect.getmembers(exported):
            if not member.startswith("_") and member not in fields and f"{name}.{member}" not in INTERNAL:
                yield name, form(member, value) if callable(value) else member


@pytest.mark.parametrize("name", client.__all__)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    assert re.search(rf"`{name}\b|\*\*{name}\*\*|^## {name}$", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize(("name", "member"), sorted(set(members())))
def test_every_member_is_in_the_reference(name: str, member: str) -> None:
    assert f"`{member}`" in section(name), f"docs/reference/client.md lacks {member} of {name}"


def section(name: str) -> str:
    """What the reference says of a class: all under its heading, or what follows its name up to the next one."""
    found = re.search(rf"^## {name}$(.*?)^## |\*\*{name}\*\*(.*?)^(?:\*\*|#)", REFERENCE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/reference/client.md lacks {name}"
    return found[0]


@pytest.mark.parametrize("exported", [client.from_environment, client.Console, client.AsyncConsole])
def test_what_connects_is_in_the_reference(exported: object) -> None:
    assert f"`{form(exported.__name__, exported)}`" in REFERENCE  # type: ignore[attr-defined]


def test_both_consoles_do_the_same() -> None:
    both = {
        kind: {
            name: form(name, value) for name, value in inspect.getmembers(kind, callable) if not name.startswith("_")
        }
        for kind in (client.Console, client.AsyncConsole)
    }
    waiting, asynchronous = both[client.Console], both[client.AsyncConsole]
    more = {name: waiting.pop(name) for name in ("plan_everywhere", "apply_everywhere")}
    assert asynchronous.pop("numbers")
    assert waiting == asynchronous
    assert all(f"`{each}`" in REFERENCE for each in more.values())


def quoted() -> Iterator[tuple[str, str]]:
    """The blocks of Python and JavaScript in the how-tos, with the page they are on."""
    for page in ("scripting.md", "other-languages.md"):
        for block in re.findall(r"^```(?:python|js)\n(.*?)^```$", (DOCS / "howto" / page).read_text(), re.M | re.S):
            yield page, block


@pytest.mark.parametrize(("page", "block"), list(quoted()))
def test_code_in_the_how_tos_is_that_of_the_examples(page: str, block: str) -> None:
    sources = [file.read_text() for file in EXAMPLES.glob("*/*") if file.suffix in (".py", ".js")]
    indented = [textwrap.indent(block, " " * depth) for depth in range(0, 20, 2)]
    assert any(each in source for each in indented for source in sources), (
        f"{page} quotes what no example has:\n{block}"
    )


@pytest.mark.parametrize(
    "file", sorted(EXAMPLES.glob("*/*.*s")) + sorted(EXAMPLES.glob("*/*.py")), ids=lambda file: file.name
)
def test_every_example_is_explained(file: Path) -> None:
    pages = [(DOCS / "howto" / page).read_text() for page in ("scripting.md", "other-languages.md")]
    assert any(f"`{file.name}`" in page for page in pages)
