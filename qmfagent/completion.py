"""`qmfagent completion` and `qmfconsole completion`: what a shell needs to complete the command."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the script that makes a SHELL complete this command.

    For one session of bash or zsh, evaluate it; for all of them, put it where the shell looks: for bash into
    ~/.local/share/bash-completion/completions/ under the name of this command, for zsh into a directory of $fpath under the
    same name after an underscore, for fish into ~/.config/fish/completions/ with .fish behind it.
    """
    root = context.find_root()
    name = root.info_name or ""
    complete = get_completion_class(shell)
    assert complete is not None, shell
    click.echo(complete(root.command, {}, name, f"_{name.upper()}_COMPLETE").source(), nl=False)
