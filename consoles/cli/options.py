"""The arguments and options that more than one command has."""

from __future__ import annotations

import click

from consoles.cli.completion import complete_sites, complete_tickets

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, as schemas/console.schema.json describes it."
)
at_option = click.option(
    "--at", "--site", "site", metavar="SITE", required=True, shell_complete=complete_sites, help="The site to do it at."
)
site_option = click.option("--site", metavar="SITE", shell_complete=complete_sites, help="Of this site alone.")
to_option = click.option(
    "--to", "site", metavar="SITE", required=True, shell_complete=complete_sites, help="The site that receives."
)
adopt_option = click.option("--adopt", is_flag=True, help="Take over local elements that depend on the ticket already.")
ticket_argument = click.argument("ticket", shell_complete=complete_tickets)
