"""The `qmfconsole` command: its global options, and how errors become exit statuses.

Rules of this file: an error that was to be expected ends in one line on standard error and an exit status of its own,
never in a traceback. Commands return their exit status.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from consoles.asynchronous import TIMEOUT
from consoles.cli.call import call_command
from consoles.cli.output import complain
from consoles.cli.replicate import diff_command, replicate_command
from consoles.cli.settings import DEFAULT_URL, Settings, read_tls, read_urls, read_user
from consoles.cli.show import show_command
from consoles.cli.sites import sites_command
from consoles.cli.status import INTERRUPTED, USAGE, reason_of, status_of
from consoles.cli.ticket import ticket_command, tickets_command
from consoles.cli.watch import watch_command
from qmfagent.errors import QmfAgentError

NAME = "qmfconsole"
_FILE = click.Path(path_type=Path)


@click.group(
    epilog="Exit status: 0 done, or nothing to do; 1 error; 2 there are changes (diff, replicate --plan); 3 refused by "
    "the agent; 4 unreachable, or no answer in time; 64 wrong usage; 130 interrupted."
)
@click.version_option(package_name="qmfagent")
@click.option(
    "--url",
    "urls",
    multiple=True,
    envvar="QMFCONSOLE_URL",
    help=f"Bus URL of a site's agent or a broker; may be repeated, or hold several with commas. Default: {DEFAULT_URL}.",
)
@click.option("--certificate", type=_FILE, envvar="QMFCONSOLE_CERTIFICATE", help="Our certificate (PEM), for amqps.")
@click.option("--key", type=_FILE, envvar="QMFCONSOLE_KEY", help="Key of our certificate (PEM, no passphrase).")
@click.option("--ca", type=_FILE, envvar="QMFCONSOLE_CA", help="Certificates that agents must be signed by (PEM).")
@click.option("--user", envvar="QMFCONSOLE_USER", help="Log in as this user, such as bob@qmfagent, with a password.")
@click.option(
    "--password-file",
    type=_FILE,
    envvar="QMFCONSOLE_PASSWORD_FILE",
    help="File with the password; nobody else may read it.",
)
@click.option("--peer-name", default="", help="Name in the agents' certificates, where it is not the host of the URL.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=TIMEOUT,
    show_default=True,
    envvar="QMFCONSOLE_TIMEOUT",
    help="Seconds to wait for each answer, and for a connection (5 at most).",
)
@click.pass_context
def cli(
    context: click.Context,
    urls: tuple[str, ...],
    certificate: Path | None,
    key: Path | None,
    ca: Path | None,
    user: str | None,
    password_file: Path | None,
    peer_name: str,
    timeout: float,
) -> None:
    """Shows and steers the sites of a geo cluster through their agents. URL, certificates and user are taken from
    QMFCONSOLE_URL, QMFCONSOLE_CERTIFICATE, QMFCONSOLE_KEY, QMFCONSOLE_CA, QMFCONSOLE_USER and QMFCONSOLE_PASSWORD_FILE too."""
    credentials = read_user(user, password_file)
    tls = read_tls(certificate, key, ca, peer_name, with_user=credentials is not None)
    context.obj = Settings(read_urls(urls), tls, credentials, timeout)


for _command in (
    sites_command,
    show_command,
    tickets_command,
    watch_command,
    diff_command,
    replicate_command,
    ticket_command,
    call_command,
):
    cli.add_command(_command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default the process's own; the exit status."""
    logging.getLogger("qmfagent").addHandler(logging.NullHandler())  # what matters is said as errors and warnings
    try:
        return int(cli.main(arguments, prog_name=NAME, standalone_mode=False) or 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return USAGE
    except QmfAgentError as error:
        reason = reason_of(error)
        complain(f"the agent says no ({reason}): {error}" if reason else str(error))
        return status_of(error)


def main() -> NoReturn:
    """The entry point."""
    sys.exit(run())


if __name__ == "__main__":
    main()
