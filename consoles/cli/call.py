"""`qmfconsole call`: any method of any object, its arguments read as the agent's schema says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

import click

from consoles.cli.output import print_json, print_line, print_pairs
from consoles.cli.settings import Settings, json_option
from consoles.cli.status import DONE
from consoles.cli.words import safe, words
from qmfagent.errors import SchemaError
from qmfagent.qmf.classes import Argument, Method

_READERS: Mapping[str, Callable[[str], Any]] = {"TYPE_MAP": json.loads, "TYPE_LIST": json.loads, "TYPE_UUID": UUID}


@click.command("call")
@click.argument("site")
@click.argument("object_name", metavar="OBJECT")
@click.argument("method_name", metavar="METHOD")
@click.argument("arguments", metavar="[NAME=VALUE]...", nargs=-1)
@json_option
@click.pass_obj
def call_command(
    settings: Settings, site: str, object_name: str, method_name: str, arguments: tuple[str, ...], as_json: bool
) -> int:
    """Call a METHOD of an OBJECT (such as Site:NAME or Ticket:NAME) at a SITE.

    Each value is read as the agent describes the argument: true and false, numbers, text as it stands, lists and maps
    in JSON.
    """
    class_name = object_name.partition(":")[0]
    with settings.console() as console:
        description = console.schema(site, class_name)
        method = description.method(method_name)
        if method is None:
            known = ", ".join(each.name for each in description.methods) or "none"
            raise SchemaError(f"class {class_name} has no method {method_name!r}", hint=f"known are: {known}")
        result = console.call(site, object_name, method_name, **read_arguments(method, arguments))
    if as_json:
        print_json({"site": site, "object": object_name, "method": method_name, "result": result})
    elif result:
        print_pairs((name, _text(value)) for name, value in result.items())
    else:
        print_line(f"{method_name} of {object_name} at {site}: done")
    return DONE


def read_arguments(method: Method, given: Iterable[str]) -> dict[str, Any]:
    """The arguments of a call from `name=value` texts. Raises UsageError for one that does not fit the method."""
    inputs = {argument.name: argument for argument in method.arguments if "I" in argument.dir}
    result: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise click.UsageError(f"argument {text!r}: write it as NAME=VALUE")
        if name not in inputs:
            raise click.UsageError(f"{method.name} has no argument {name!r}; known are: {', '.join(inputs) or 'none'}")
        if name in result:
            raise click.UsageError(f"argument {name!r} is given twice")
        result[name] = _read(inputs[name], value)
    return result


def _read(argument: Argument, text: str) -> Any:
    try:
        value = _READERS.get(argument.type.name, argument.type.parse)(text)
    except (ValueError, SchemaError):
        value = None
    if not argument.type.accepts(value):
        raise click.UsageError(f"argument {argument.name!r}: {text!r} is not {argument.type}")
    return value


def _text(value: Any) -> str:
    # The lines of XML stay lines.
    return "\n".join(map(safe, value.splitlines())) if isinstance(value, str) else words(value)
