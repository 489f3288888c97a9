"""`qmfagent journal`: looks at a journal's file and copies it, whether or not an agent is using it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from qmfagent.journal.backup import back_up
from qmfagent.journal.file import connect_to_read
from qmfagent.journal.signature import key_name
from qmfagent.journal.verify import Verified, verify
from qmfagent.keys.signing import read_verify_key

_FILE = click.Path(path_type=Path, dir_okay=False)

_KEY = click.option(
    "--key", type=_FILE, help="The site's public signing key, SITE.sign.pub: that it and no other has signed."
)


@click.group("journal")
def journal_command() -> None:
    """Look at a journal's file, or copy it."""


@journal_command.command("verify")
@click.argument("path", metavar="FILE", type=_FILE)
@_KEY
def verify_command(path: Path, key: Path | None) -> None:
    """Verify the journal in FILE: its chain, its signatures and its documents. An agent may be using it.

    Exits with 1 at the first thing that is wrong.
    """
    signer = _signer(key)
    with closing(connect_to_read(path)) as connection:
        verified = verify(connection, path, signer=signer)
    for line in _lines(verified, compared=bool(signer)):
        click.echo(line)


@journal_command.command("backup")
@click.argument("path", metavar="FILE", type=_FILE)
@click.argument("copy", type=_FILE)
@_KEY
def backup_command(path: Path, copy: Path, key: Path | None) -> None:
    """Copy the journal in FILE to a new file COPY, and verify the copy. An agent may be using it.

    The copy can take the place of the journal. It holds the configuration as it was delivered, secrets included.
    """
    signer = _signer(key)
    for line in _lines(back_up(path, copy, signer=signer), compared=bool(signer)):
        click.echo(line)


def _signer(key: Path | None) -> str:
    """The name of the key in a file, empty where none is given."""
    return key_name(read_verify_key(key)) if key else ""


def _lines(verified: Verified, *, compared: bool) -> list[str]:
    kept = f"entries {verified.first} to {verified.last}" if verified.first <= verified.last else "no entries"
    lines = [
        f"journal {verified.journal}: {kept}, {verified.documents} documents, {verified.states} standings; nothing is wrong",
        f"newest entry: {verified.last} {verified.head}",
    ]
    if not verified.signer:
        return [*lines, "not signed: who can write the file can write it anew; give the agent a signing_key"]
    lines.append(f"signed from entry {verified.signed_from} on with the key {verified.signer}")
    if not compared:
        lines.append("whose key that is was not looked at: name the site's public key with --key")
    return lines
