"""`qmfagent certs`: stores certificates and keys, and says what to do with them.

Rules of this file: a key that exists is used and never written over; a private key is its owner's alone from its first byte
on. Certificates may be made anew: that is how one is renewed.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from qmfagent.bus.url import is_address
from qmfagent.errors import ConfigError
from qmfagent.keys import certs

DAYS = 397
PORT = 5671

_DIRECTORY = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("certs")
@click.option("--out", "directory", type=_DIRECTORY, required=True, help="Where to put everything; made if need be.")
@click.option("--site", help="Make certificate and keys of this site's agent; takes --host.")
@click.option("--host", "hosts", multiple=True, help="DNS name or IP address that the site's agent is reached at.")
@click.option(
    "--console", "consoles", multiple=True, help="Make a certificate for the console of this person or program."
)
@click.option(
    "--days", type=click.IntRange(1, 3650), default=DAYS, show_default=True, help="How long they are good for."
)
@click.option(
    "--ca", "ca", type=_FILE, help="CA certificate to sign with, its key beside it. Default: ca.pem in --out."
)
def certs_command(
    directory: Path, site: str | None, hosts: tuple[str, ...], consoles: tuple[str, ...], days: int, ca: Path | None
) -> None:
    """Make certificates for sites and consoles, and a small CA to sign them if there is none."""
    if not site and not consoles:
        raise click.UsageError("there is nothing to make: give --site NAME with --host HOST, or --console NAME")
    if bool(site) != bool(hosts):
        raise click.UsageError("--site and --host belong together: a certificate is for hosts")
    now = datetime.now(UTC)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        authority = _authority(directory, ca, now)
        for name, server in [*([(site, True)] if site else []), *((name, False) for name in consoles)]:
            _check_name(directory, name, server)
            key = _key(directory / f"{name}.key")
            certificate = authority.issue(name, key, now, days, hosts if server else (), server=server)
            _write(directory / f"{name}.pem", certs.certificate_pem(certificate))
            identity = certs.identity_of(certificate)
            if server:
                _signing_key(directory, name)
                click.echo(_site_words(directory, name, hosts, identity))
            else:
                click.echo(_console_words(directory, name, identity))
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None


def _check_name(directory: Path, name: str, server: bool) -> None:
    """Raise ConfigError where a name can't be borne, or is another's already."""
    certs.check_name(name)
    known, is_site = (directory / f"{name}.pem").exists(), (directory / f"{name}.sign.pub").exists()
    if name == "ca" or (known and is_site != server):
        kind = "the CA" if name == "ca" else "a site" if is_site else "a console"
        raise ConfigError(f"{name!r} is {kind} in {directory} already", hint="choose another name")


def _authority(directory: Path, ca: Path | None, now: datetime) -> certs.Authority:
    """The CA that is there, or a new one. A CA from elsewhere leaves its certificate here, where agents need it."""
    path = ca or directory / "ca.pem"
    key_path = path.with_suffix(".key")
    if ca is None and not path.exists():
        authority = certs.new_authority("qmfagent-ca", _key(key_path), now)
        _write(path, certs.certificate_pem(authority.certificate))
        click.echo(
            f"made the CA {path}. Keep its key {key_path} off-line: whoever has it can be any site and any console."
        )
        return authority
    if not key_path.exists():
        raise ConfigError(f"the key of the CA {path} is not at {key_path}", hint="bring it from where it is kept")
    authority = certs.load_authority(path.read_bytes(), key_path.read_bytes(), str(path))
    copy = directory / "ca.pem"
    if not copy.exists():
        _write(copy, certs.certificate_pem(authority.certificate))
    elif certs.certificate_pem(authority.certificate).strip() not in copy.read_bytes():
        raise ConfigError(f"{copy} is another CA than {path}", hint="give another directory as --out")
    return authority


def _key(path: Path) -> certs.PrivateKey:
    if path.exists():
        return certs.load_key(path.read_bytes(), str(path))
    key = certs.new_key()
    _write_new_private(path, certs.private_pem(key))
    return key


def _signing_key(directory: Path, site: str) -> None:
    """A site's signing key, unless it has one: its private half may be kept at the site alone."""
    private, public = directory / f"{site}.sign.key", directory / f"{site}.sign.pub"
    if not private.exists() and not public.exists():
        key = certs.new_signing_key()
        _write_new_private(private, certs.private_pem(key))
        _write(public, certs.public_pem(key))


def _write_new_private(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _write(path: Path, content: bytes) -> None:
    """Write a public file whole or not at all: an agent may be reading it."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)


def _site_words(directory: Path, site: str, hosts: tuple[str, ...], identity: str) -> str:
    named = [host for host in hosts if not is_address(host)]
    host = (named or hosts)[0]
    bracketed = f"[{host}]" if ":" in host else host
    by_address = "" if named else f'certificate_name = "{site}"\n'
    return f"""
# {site}: bring {site}.pem, {site}.key, {site}.sign.key and ca.pem from {directory} there, and put into its agent.toml
[listen]
url = "amqps://0.0.0.0:{PORT}"
[tls]
certificate = "{site}.pem"
key = "{site}.key"
ca = "ca.pem"
[replication]
signing_key = "{site}.sign.key"

# Every other site: bring {site}.sign.pub there, and put into its agent.toml. Agents see this site as {identity!r}.
[[peer]]
site = "{site}"
url = "amqps://{bracketed}:{PORT}"
{by_address}verify_key = "{site}.sign.pub"
[[access]]
identity = "{identity}"
role = "replicator"
"""


def _console_words(directory: Path, name: str, identity: str) -> str:
    files = {"certificate": f"{name}.pem", "key": f"{name}.key", "ca": "ca.pem"}
    options = " ".join(f"--{option} {directory / file}" for option, file in files.items())
    return f"""
# Console {name}. Every site: put into its agent.toml, with the role it is to have. Agents see it as {identity!r}.
[[access]]
identity = "{identity}"
role = "viewer"

# qmfconsole {options} --url amqps://HOST:{PORT} sites
"""
