"""Whether what a command prints with --json is what schemas/console.schema.json says.

Rules of this file: stricter than the schema: a key that stands nowhere in it is one that nobody was told of.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from consoles.main import cli

SCHEMAS = Path(__file__).parents[2] / "schemas"
NO_JSON = frozenset({"completion", "top", "web"})
"""Commands that print what is no data."""


def read(name: str) -> Any:
    """A schema of the project's."""
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))


def closed(schema: Any) -> Any:
    """The schema, with objects that have the keys it names and no others, unless it says otherwise."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    extra = {"additionalProperties": False} if "properties" in schema and schema.get("type") == "object" else {}
    return {**extra, **{key: closed(value) for key, value in schema.items()}}


CONSOLE = read("console.schema.json")
_REGISTRY: Registry[Any] = Registry().with_resources(
    [
        ("console.schema.json", Resource.from_contents(closed(CONSOLE))),
        ("plan.schema.json", Resource.from_contents(read("plan.schema.json"))),
    ]
)


def validate(name: str, document: Any) -> None:
    """Raise ValidationError where a document is not as the definition of that name has it."""
    schema = {"$ref": f"console.schema.json#/$defs/{name}"}
    Draft202012Validator(schema, registry=_REGISTRY).validate(document)


def definition(arguments: Sequence[str]) -> str:
    """The name of the definition for a command with these arguments."""
    at, command = next((place, word) for place, word in enumerate(arguments) if word in cli.commands)
    if command == "journal":
        return "journal-verify"
    if command == "show" and arguments[at + 1 : at + 2] and arguments[at + 1].isdecimal():
        return "show-change"
    return "replicate-all" if command == "replicate" and "all" in arguments else command


def check(arguments: Sequence[str], status: int, out: str, err: str) -> None:
    """Check a run of the command, if it was to print JSON. Raises ValidationError, AssertionError."""
    if "--json" not in arguments:
        return
    lines = out.splitlines() if "watch" in arguments else [out] if out else []
    for line in lines:
        validate(definition(arguments), json.loads(line))
    if not lines and status:
        error = json.loads(err.splitlines()[-1])
        validate("error", error)
        assert error["error"]["status"] == status
