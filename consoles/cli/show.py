"""`qmfconsole show`: objects as tables, one object as names and values."""

from __future__ import annotations

from typing import Any

import click

from consoles.cli.completion import CLASSES, complete_classes
from consoles.cli.history import show_change
from consoles.cli.options import json_option, site_option
from consoles.cli.output import print_json, print_line, print_pairs, print_table, unreachable_list
from consoles.cli.status import DONE
from consoles.nearest import suggestion
from consoles.numbers import whole_number
from consoles.settings import Settings
from consoles.synchronous import Console
from consoles.values import Object
from consoles.words import moment, words
from qmfagent.errors import UnknownObject
from qmfagent.qmf.classes import SchemaClass


@click.command("show")
@click.argument("what", metavar="[CLASS|CHANGE]", required=False, shell_complete=complete_classes)
@click.argument("name", required=False)
@site_option
@json_option
@click.pass_obj
def show_command(settings: Settings, what: str | None, name: str | None, site: str | None, as_json: bool) -> int:
    """Show all objects, those of a CLASS (Site, Ticket, Resource, Node, Constraint, Replica, Plan), or the one of that NAME.
    A CHANGE is the number of one in the history of a site: what was it, and what did it do?

    Long values are cut in tables; they are whole in JSON, and where one object is shown.
    """
    number = whole_number(what or "")
    if number is not None:
        if name is not None:
            raise click.UsageError("a change has no NAME: give its number alone, and --site")
        return show_change(settings, number, site, as_json=as_json)
    class_name = _class_name(what) if what is not None else None
    found: dict[str, list[Object]] = {}
    descriptions: dict[str, SchemaClass] = {}
    with settings.console() as console:
        for each in [class_name] if class_name else CLASSES:
            found[each] = console.query(each, site, name=name)
            if found[each] and not as_json:
                descriptions[each] = console.schema(found[each][0].site, each)
        if name is not None and class_name is not None and not found[class_name]:
            raise _unknown(console, class_name, name, site)
        unreachable = console.unreachable()
    if as_json:
        objects = [_document(item) for items in found.values() for item in items]
        print_json({"objects": objects, "unreachable": unreachable_list(unreachable)})
    elif name is not None and class_name is not None:
        for item in found[class_name]:
            _print_object(descriptions[class_name], item)
    else:
        for each, items in found.items():
            if class_name is None:
                print_line(each, "bold cyan")
            _print_objects(descriptions.get(each), items)
    return DONE


def _unknown(console: Console, class_name: str, name: str, site: str | None) -> UnknownObject:
    known = {item.name.removeprefix(f"{class_name}:") for item in console.query(class_name, site)}
    hint = suggestion(name.removeprefix(f"{class_name}:"), known, "there are")
    return UnknownObject(f"no {class_name} is named {name!r}", hint=hint)


def _class_name(text: str) -> str:
    """The class of that name, in whatever case. Raises UsageError where there is none."""
    found = next((each for each in CLASSES if each.lower() == text.lower()), None)
    if found is None:
        raise click.UsageError(
            f"{text!r} is no class and no number of a change; {suggestion(text, CLASSES, 'classes are')}"
        )
    return found


def _document(item: Object) -> dict[str, Any]:
    return {"site": item.site, "class": item.class_name, "name": item.name, "values": dict(item.values)}


def _print_object(description: SchemaClass, item: Object) -> None:
    values = _texts(description, item)
    print_line(f"{item.name} at {item.site}", "bold")
    print_pairs((f"  {name}", text) for name, text in values.items())


def _print_objects(description: SchemaClass | None, items: list[Object]) -> None:
    if description is None:
        print_line("none")
        return
    columns = [prop.name for prop in description.properties if prop.name != "site"]
    rows = [[item.site, *(_texts(description, item).get(column, "") for column in columns)] for item in items]
    print_table(["site", *columns], rows)


def _texts(description: SchemaClass, item: Object) -> dict[str, str]:
    """The properties of an object as text, in the order of its class; moments in local time."""
    moments = {prop.name for prop in description.properties if prop.type.subtype == "timestamp"}
    order = [prop.name for prop in description.properties if prop.name in item.values]
    return {name: moment(item.values[name]) if name in moments else words(item.values[name]) for name in order}
