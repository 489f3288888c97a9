"""`qmfconsole login` and `logout`: the password of a profile, in the keyring."""

from __future__ import annotations

import sys

import click

from consoles.cli.options import json_option
from consoles.cli.output import print_json, print_line
from consoles.cli.status import DONE
from consoles.passwords import remove_password, store_password
from consoles.settings import profile_of


@click.command("login")
@json_option
@click.pass_context
def login_command(context: click.Context, as_json: bool) -> int:
    """Store the password of the profile's user in the keyring, for a profile with 'password_keyring = true'.

    It is asked for on the terminal, or else read as the first line of standard input.
    """
    profile, user = _of_profile(context)
    store_password(profile, user, _ask)
    _tell(f"the password of {user} is in the keyring", profile, user, as_json)
    return DONE


@click.command("logout")
@json_option
@click.pass_context
def logout_command(context: click.Context, as_json: bool) -> int:
    """Remove the password of the profile's user from the keyring."""
    profile, user = _of_profile(context)
    was = remove_password(profile, user)
    _tell(f"the password of {user} is {'removed from' if was else 'not in'} the keyring", profile, user, as_json)
    return DONE


def _of_profile(context: click.Context) -> tuple[str, str]:
    """The profile's name and user. Raises UsageError where its password is not kept in the keyring."""
    profile = profile_of(context)
    if not profile.password_keyring or profile.user is None:
        which = f"profile {profile.name!r} has no" if profile.name else "no profile is chosen: give --profile one with"
        raise click.UsageError(f"{which} 'password_keyring = true'; see qmfconsole --help for where profiles are")
    return profile.name, profile.user


def _ask() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True))
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("there is no password on standard input")
    return password


def _tell(text: str, profile: str, user: str, as_json: bool) -> None:
    if as_json:
        print_json({"profile": profile, "user": user})
    else:
        print_line(text)
