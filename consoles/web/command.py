"""`qmfconsole web`: serve the web console.

Rules of this file: nothing of the web is imported before the command runs, so that no other command is slower for it. What
would give the sites away is an error: passwords in clear text to other machines, and a console that everybody may use.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from consoles.settings import Settings
from qmfagent.bus.security.credentials import is_this_host
from qmfagent.errors import ConfigError

DEFAULT_ADDRESS = "http://127.0.0.1:8080"
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("web")
@click.option("--listen", default=DEFAULT_ADDRESS, show_default=True, help="Where to serve.")
@click.option(
    "--login", is_flag=True, help="Have users log in; the agents check user and password, and act for that user."
)
@click.option("--tls-certificate", type=_FILE, help="Certificate of the web server, and what signs it (PEM).")
@click.option("--tls-key", type=_FILE, help="Key of that certificate (PEM, no passphrase).")
@click.option("--name", "names", multiple=True, help="A host name that browsers use for it; may be repeated.")
@click.option("--root-path", default="", help="Path that a reverse proxy serves it at, such as /sites.")
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    help="Believe the X-Forwarded-For and X-Forwarded-Proto of this reverse proxy; may be repeated.",
)
@click.pass_obj
def web_command(
    settings: Settings,
    listen: str,
    login: bool,
    tls_certificate: Path | None,
    tls_key: Path | None,
    names: tuple[str, ...],
    root_path: str,
    proxies: tuple[str, ...],
) -> int:
    """Serve the web console: all sites in a browser, live.

    With --login, users log in with the user and password of the agents, and the agents decide what they may do. Without it,
    everybody who opens the link that is printed acts as this console does; then it is for this machine alone.
    """
    if (tls_certificate is None) != (tls_key is None):
        raise click.UsageError("--tls-certificate and --tls-key belong together: give both, or none")
    host, port = read_address(listen, secure=tls_certificate is not None, login=login)
    if root_path and not root_path.startswith("/"):
        raise click.UsageError(f"--root-path {root_path!r} does not begin with a slash")
    if login:
        settings = _for_users(settings)
    try:
        from consoles.web.serving import Served, serve
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the web console needs the Python package {error.name!r}",
            hint="install it with: pip install 'qmfagent[web]'",
        ) from None
    served = Served(host, port, login, tls_certificate, tls_key, names, root_path.rstrip("/"), ",".join(proxies))
    return serve(settings, served)


def read_address(listen: str, *, secure: bool, login: bool) -> tuple[str, int]:
    """Host and port to listen at. Raises UsageError for what is no address, and for one that is not safe."""
    try:
        parts = urlsplit(listen)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None or parts.scheme not in ("http", "https") or parts.path not in ("", "/"):
        raise click.UsageError(f"{listen!r} is no address to listen at: write http://HOST:PORT or https://HOST:PORT")
    if secure != (parts.scheme == "https"):
        raise click.UsageError("https:// goes with --tls-certificate and --tls-key, http:// without them")
    if not is_this_host(host):
        if not login:
            raise click.UsageError(
                f"{host} can be reached from other machines, where everybody would act as this console: add --login"
            )
        if not secure:
            raise click.UsageError(
                f"{host} can be reached from other machines, and passwords would travel unencrypted: add --tls-certificate"
                " and --tls-key, or listen at 127.0.0.1 behind a proxy that has them"
            )
    return host, port


def _for_users(settings: Settings) -> Settings:
    """The settings without what this console could prove itself with: users do that. Raises UsageError."""
    if settings.credentials is not None:
        raise click.UsageError(
            "with --login users give user and password in the browser: leave out --user and --password-file"
        )
    tls = settings.tls
    return replace(settings, tls=replace(tls, certificate=None, key=None) if tls is not None else None)
