"""The end of the demo: its two sites in a browser, for as long as somebody looks.

Rules of this file: nobody is waited for where standard input is no terminal.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec

import click

_PACKAGES = ("starlette", "uvicorn", "jinja2", "multipart")


def offer_web_console(urls: Iterable[str]) -> None:
    """Say how the sites are seen in a browser, and on a terminal serve that if it is wanted."""
    click.secho("\nThe same in a browser: qmfconsole web", bold=True)
    if any(find_spec(package) is None for package in _PACKAGES):
        click.echo("   it needs some Python packages more: .venv/bin/pip install -e '.[web]'")
        return
    if not sys.stdin.isatty():
        click.echo("   run 'make demo' on a terminal to look at Paris and Lyon")
        return
    if not click.confirm("   Look at Paris and Lyon now?", default=True):
        return
    at = [part for url in urls for part in ("--url", url)]
    command = [sys.executable, "-m", "consoles.main", *at, "web", "--listen", "http://127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as serving:
        try:
            click.echo("   It ends with Enter.")
            sys.stdin.readline()
        except KeyboardInterrupt:
            click.echo()
        finally:
            serving.terminate()
