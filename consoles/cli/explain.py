"""`qmfconsole explain`: which step gave each value of an element."""

from __future__ import annotations

from collections.abc import Mapping

import click

from consoles.cli.options import at_option, json_option
from consoles.cli.output import print_json, print_table
from consoles.cli.status import DONE
from consoles.settings import Settings

_STYLES = {"edited": "yellow", "pending": "yellow", "local": "cyan"}


@click.command("explain")
@click.argument("identifier", metavar="ID")
@at_option
@json_option
@click.pass_obj
def explain_command(settings: Settings, identifier: str, site: str, as_json: bool) -> int:
    """Show which step gave each value of the element with that ID at a site: the publication, a ticket rule, an override of
    the site file, an XSLT step, or an edit there. The last step that is named for a field counts."""
    with settings.console() as console:
        steps = console.explain(site, identifier)
    if as_json:
        print_json({"site": site, "id": identifier, "steps": steps})
    else:
        print_table(["field", "value", "step", ""], map(_row, steps))
    return DONE


def _row(step: Mapping[str, str]) -> list[str | tuple[str, str]]:
    return [step["field"], step["value"], (step["step"], _STYLES.get(step["step"], "")), step["detail"]]
