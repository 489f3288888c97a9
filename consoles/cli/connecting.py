"""The options that say where a command connects, and as whom; settings.py reads them.

Rules of this file: `qmfconsole` has them for all its commands, `qmfagent check` for itself, with the same names, variables and
profiles.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import click

from consoles.asynchronous import TIMEOUT
from consoles.cli.completion import complete_profiles
from consoles.settings import DEFAULT_URL

_FILE = click.Path(path_type=Path)

_OPTIONS = (
    click.option(
        "--config",
        type=_FILE,
        envvar="QMFCONSOLE_CONFIG",
        help="File with profiles. Default: ~/.config/qmfagent/config.toml.",
    ),
    click.option(
        "--profile",
        envvar="QMFCONSOLE_PROFILE",
        shell_complete=complete_profiles,
        help="The profile whose values count where options and variables give none. Default: the default of the file.",
    ),
    click.option(
        "--url",
        "urls",
        multiple=True,
        envvar="QMFCONSOLE_URL",
        help=f"Bus URL of a site's agent or a broker; may be repeated, or hold several with commas. Default: {DEFAULT_URL}.",
    ),
    click.option(
        "--certificate", type=_FILE, envvar="QMFCONSOLE_CERTIFICATE", help="Our certificate (PEM), for amqps."
    ),
    click.option("--key", type=_FILE, envvar="QMFCONSOLE_KEY", help="Key of our certificate (PEM, no passphrase)."),
    click.option("--ca", type=_FILE, envvar="QMFCONSOLE_CA", help="Certificates that agents must be signed by (PEM)."),
    click.option(
        "--user", envvar="QMFCONSOLE_USER", help="Log in as this user, such as bob@qmfagent, with a password."
    ),
    click.option(
        "--password-file",
        type=_FILE,
        envvar="QMFCONSOLE_PASSWORD_FILE",
        help="File with the password; nobody else may read it.",
    ),
    click.option(
        "--peer-name", default="", help="Name in the agents' certificates, where it is not the host of the URL."
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=TIMEOUT,
        show_default=True,
        envvar="QMFCONSOLE_TIMEOUT",
        help="Seconds to wait for each answer, and for a connection (5 at most).",
    ),
)


def connection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command these options."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), function)
