"""`qmfconsole apply` and `qmfconsole discard`: a plan that was made before, by its token.

Rules of this file: a token names exactly what somebody has seen; so nothing is asked again.
"""

from __future__ import annotations

import click

from consoles.cli.approval import applied_document, applied_words
from consoles.cli.names import no_such_object
from consoles.cli.options import at_option, json_option
from consoles.cli.output import print_json, print_line
from consoles.cli.progress import working
from consoles.cli.status import DONE
from consoles.settings import Settings
from qmfagent.errors import QmfAgentError


@click.command("apply")
@click.argument("token")
@at_option
@json_option
@click.pass_obj
def apply_command(settings: Settings, token: str, site: str, as_json: bool) -> int:
    """Carry out exactly the plan of that TOKEN, which 'diff --json' or 'show Plan' has given, maybe to somebody else.

    Where the configuration has changed since it was made, the agent refuses.
    """
    with settings.console() as console, working(f"applying at {site}", silent=as_json):
        applied = console.apply(site, token)
    if as_json:
        print_json({"site": site, "ticket": applied.ticket, "token": token, "applied": applied_document(applied)})
    else:
        print_line(f"applied {applied_words(applied)}", "green")
    return DONE


@click.command("discard")
@click.argument("token")
@at_option
@json_option
@click.pass_obj
def discard_command(settings: Settings, token: str, site: str, as_json: bool) -> int:
    """Have a site hold the plan of that TOKEN no more, so that nobody applies it. 'show Plan' lists those that are held."""
    with settings.console() as console:
        try:
            console.discard(site, token)
        except QmfAgentError as error:
            if no_such_object(error):
                error.hint = f"list the plans there with: qmfconsole show Plan --site {site}"
            raise
    if as_json:
        print_json({"site": site, "token": token})
    else:
        print_line(f"the plan {token} is held at {site} no more")
    return DONE
