"""The `qmfconsole` command: its global options, and how errors become exit statuses.

Rules of this file: an error that was to be expected ends in one line on standard error and an exit status of its own,
never in a traceback. Commands return their exit status.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from consoles.cli.call import call_command
from consoles.cli.cib import cib_command
from consoles.cli.connecting import connection_options
from consoles.cli.drill import drill_command
from consoles.cli.explain import explain_command
from consoles.cli.history import history_command
from consoles.cli.journal import journal_group
from consoles.cli.login import login_command, logout_command
from consoles.cli.output import complain, complain_json, warn
from consoles.cli.permissions import permissions_command
from consoles.cli.plans import apply_command, discard_command
from consoles.cli.replicate import diff_command, heal_command, replicate_command, rollback_command
from consoles.cli.replicate_now import replicate_now_command
from consoles.cli.show import show_command
from consoles.cli.sites import sites_command
from consoles.cli.status import INTERRUPTED, USAGE, status_of
from consoles.cli.ticket import ticket_command, tickets_command
from consoles.cli.top import top_command
from consoles.cli.watch import watch_command
from consoles.reasons import reason_of
from consoles.settings import settings_of
from consoles.web.command import web_command
from qmfagent.completion import completion_command
from qmfagent.errors import QmfAgentError

NAME = "qmfconsole"
UNCONNECTED = ("completion", "login", "logout")
"""The commands that connect nowhere, and so need nothing that is only there for it."""


@click.group(
    epilog="Exit status: 0 done, or nothing to do; 1 error; 2 there are changes (diff, replicate --plan); 3 refused by "
    "the agent; 4 unreachable, or no answer in time; 64 wrong usage; 130 interrupted."
)
@click.version_option(package_name="qmfagent")
@connection_options
@click.pass_context
def cli(context: click.Context, /, **options: Any) -> None:
    """Shows and steers the sites of a geo cluster through their agents. URLs, certificates and user are taken from the
    environment (QMFCONSOLE_URL and so on) and from a profile too: an option counts before a variable, that before a profile."""
    if context.invoked_subcommand not in UNCONNECTED:
        context.obj = settings_of(context, warn)


for _command in (
    sites_command,
    show_command,
    tickets_command,
    top_command,
    watch_command,
    diff_command,
    replicate_command,
    rollback_command,
    heal_command,
    ticket_command,
    replicate_now_command,
    apply_command,
    discard_command,
    drill_command,
    explain_command,
    history_command,
    journal_group,
    cib_command,
    permissions_command,
    call_command,
    login_command,
    logout_command,
    completion_command,
    web_command,
):
    cli.add_command(_command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default the process's own; the exit status."""
    logging.getLogger("qmfagent").addHandler(logging.NullHandler())  # what matters is said as errors and warnings
    arguments = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in arguments  # also where they could not be parsed
    try:
        return int(cli.main(arguments, prog_name=NAME, standalone_mode=False) or 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return _failed(USAGE, "", error.format_message(), "", as_json=as_json)
    except QmfAgentError as error:
        reason = reason_of(error)
        complain(f"the agent says no ({reason}): {error}" if reason else str(error))
        return _failed(status_of(error), reason, error.message, error.hint, as_json=as_json)


def _failed(status: int, reason: str, message: str, hint: str, *, as_json: bool) -> int:
    """Say it once more for programs; the exit status."""
    if as_json:
        complain_json({"error": {"status": status, "reason": reason, "message": message, "hint": hint}})
    return status


def main() -> NoReturn:
    """The entry point."""
    sys.exit(run())


if __name__ == "__main__":
    main()
