"""The `qmfagent` command."""

from __future__ import annotations

import sys

import click

from qmfagent.errors import QmfAgentError
from qmfagent.offline import closure_command, plan_command


@click.group()
@click.version_option(package_name="qmfagent")
def cli() -> None:
    """Replicates what depends on a Pacemaker ticket between the sites of a geo cluster."""


cli.add_command(closure_command)
cli.add_command(plan_command)


def main() -> None:
    """Run the command line; errors meant for people end in one line on standard error and exit status 1."""
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except QmfAgentError as error:
        click.secho(f"qmfagent: {error}", fg="red", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
