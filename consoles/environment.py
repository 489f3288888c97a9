"""Where a script connects, and as whom: by the variables and profiles that `qmfconsole` goes by.

Rules of this file: the variables are those of the command's options. One that is empty is not set.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from consoles.profiles import read_profile
from consoles.settings import Settings, choose
from qmfagent.errors import ConfigError

log = logging.getLogger(__name__)

_VARIABLES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "urls": ("QMFCONSOLE_URL", lambda text: (text,)),
    "certificate": ("QMFCONSOLE_CERTIFICATE", Path),
    "key": ("QMFCONSOLE_KEY", Path),
    "ca": ("QMFCONSOLE_CA", Path),
    "user": ("QMFCONSOLE_USER", str),
    "password_file": ("QMFCONSOLE_PASSWORD_FILE", Path),
    "timeout": ("QMFCONSOLE_TIMEOUT", float),
}


def from_environment(
    profile: str | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    on_problem: Callable[[str], None] = log.warning,
) -> Settings:
    """What `qmfconsole` would connect with here: QMFCONSOLE_URL and its like, then a profile, then the default URL.

    `profile` is the profile's name, else QMFCONSOLE_PROFILE has it, else the default of the file counts. `on_problem` is
    called with what went wrong at one of several sites, in words. Raises ConfigError for what can't be used.
    """
    file = environment.get("QMFCONSOLE_CONFIG")
    chosen = read_profile(Path(file) if file else None, profile or environment.get("QMFCONSOLE_PROFILE"))
    given = {
        name: _read(variable, environment[variable], read)
        for name, (variable, read) in _VARIABLES.items()
        if environment.get(variable)
    }
    try:
        return choose(given, chosen, on_problem)
    except click.UsageError as error:
        raise ConfigError(
            error.message, hint="in the environment they are QMFCONSOLE_CERTIFICATE, QMFCONSOLE_USER and so on"
        ) from None


def _read(variable: str, text: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(text)
    except ValueError:
        raise ConfigError(f"{variable}: {text!r} is no number", hint="give seconds, such as 20") from None
