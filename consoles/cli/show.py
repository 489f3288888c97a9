"""`qmfconsole show`: objects as tables, one object as names and values."""

from __future__ import annotations

from typing import Any

import click

from consoles.cli.output import print_json, print_line, print_pairs, print_table, unreachable_list
from consoles.cli.settings import Settings, json_option
from consoles.cli.status import DONE
from consoles.cli.words import moment, words
from consoles.values import Object
from qmfagent.errors import UnknownObject
from qmfagent.qmf.classes import SchemaClass

CLASSES = ("Site", "Ticket", "Resource", "Node", "Constraint", "Replica", "Plan")


@click.command("show")
@click.argument("class_name", metavar="[CLASS]", required=False, type=click.Choice(CLASSES, case_sensitive=False))
@click.argument("name", required=False)
@click.option("--site", help="Ask this site alone.")
@json_option
@click.pass_obj
def show_command(settings: Settings, class_name: str | None, name: str | None, site: str | None, as_json: bool) -> int:
    """Show all objects, those of a CLASS (Site, Ticket, Resource, Node, Constraint, Replica, Plan), or the one of that NAME.

    Long values are cut in tables; they are whole in JSON, and where one object is shown.
    """
    found: dict[str, list[Object]] = {}
    descriptions: dict[str, SchemaClass] = {}
    with settings.console() as console:
        for each in [class_name] if class_name else CLASSES:
            found[each] = console.query(each, site, name=name)
            if found[each] and not as_json:
                descriptions[each] = console.schema(found[each][0].site, each)
        unreachable = console.unreachable()
    if name is not None and not any(found.values()):
        raise UnknownObject(f"no {class_name} is named {name!r}", hint=f"list them with: qmfconsole show {class_name}")
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
