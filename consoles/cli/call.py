"""`qmfconsole call`: any method of any object, its arguments read as the agent's schema says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from consoles.arguments import inputs, read_argument
from consoles.cli.completion import CLASSES, complete_methods, complete_objects, complete_sites
from consoles.cli.names import no_such_object
from consoles.cli.options import json_option
from consoles.cli.output import print_json, print_line, print_pairs
from consoles.cli.status import DONE
from consoles.nearest import suggestion
from consoles.settings import Settings
from consoles.synchronous import Console
from consoles.words import safe, words
from qmfagent.errors import RemoteError, SchemaError, UnknownObject
from qmfagent.qmf.classes import Method, SchemaClass


@click.command("call")
@click.argument("site", shell_complete=complete_sites)
@click.argument("object_name", metavar="OBJECT", shell_complete=complete_objects)
@click.argument("method_name", metavar="METHOD", shell_complete=complete_methods)
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
        description = _describe(console, site, class_name)
        method = description.method(method_name)
        if method is None:
            known = suggestion(method_name, [each.name for each in description.methods], "known are")
            raise SchemaError(f"class {class_name} has no method {method_name!r}", hint=known)
        try:
            result = console.call(site, object_name, method_name, **read_arguments(method, arguments))
        except RemoteError as error:
            if no_such_object(error):
                error.hint = f"list what there is with: qmfconsole show {class_name} --site {site}"
            raise
    if as_json:
        print_json({"site": site, "object": object_name, "method": method_name, "result": result})
    elif result:
        print_pairs((name, _text(value)) for name, value in result.items())
    else:
        print_line(f"{method_name} of {object_name} at {site}: done")
    return DONE


def _describe(console: Console, site: str, class_name: str) -> SchemaClass:
    try:
        return console.schema(site, class_name)
    except UnknownObject as error:
        error.hint = error.hint or suggestion(class_name, CLASSES, "classes are")
        raise


def read_arguments(method: Method, given: Iterable[str]) -> dict[str, Any]:
    """The arguments of a call from `name=value` texts. Raises UsageError for one that does not fit the method."""
    known = inputs(method)
    result: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise click.UsageError(f"argument {text!r}: write it as NAME=VALUE")
        if name not in known:
            raise click.UsageError(f"{method.name} has no argument {name!r}; known are: {', '.join(known) or 'none'}")
        if name in result:
            raise click.UsageError(f"argument {name!r} is given twice")
        try:
            result[name] = read_argument(known[name], value)
        except SchemaError as error:
            raise click.UsageError(error.message) from None
    return result


def _text(value: Any) -> str:
    # The lines of XML stay lines.
    return "\n".join(map(safe, value.splitlines())) if isinstance(value, str) else words(value)
