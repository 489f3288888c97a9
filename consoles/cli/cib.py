"""`qmfconsole cib`: the configuration of a site, or a part of it."""

from __future__ import annotations

import click

from consoles.cli.options import at_option, json_option
from consoles.cli.output import print_json, print_line
from consoles.cli.status import DONE
from consoles.settings import Settings
from qmfagent.cib import document


@click.command("cib")
@click.argument("path", required=False, default="")
@at_option
@json_option
@click.pass_obj
def cib_command(settings: Settings, path: str, site: str, as_json: bool) -> int:
    """Print the configuration of a site, or the elements at a PATH in its CIB, as XML. Secrets are hidden.

    A PATH is such as configuration/resources, "configuration/resources/primitive[@id='vip']" or status/tickets.
    """
    with settings.console() as console:
        found = console.configuration(site, path)
    if as_json:
        print_json({"site": site, "path": path, "version": found.version, "xml": found.xml})
        return DONE
    for element in document.parse_element(f"<found>{found.xml}</found>".encode(), f"the CIB of {site}"):
        for line in document.pretty(element).decode().splitlines():
            print_line(line)
    return DONE
