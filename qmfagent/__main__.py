"""The `qmfagent` command."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

import click

from qmfagent.agent import QmfAgent, Store, first_snapshot, site_name
from qmfagent.config import Config, read_config
from qmfagent.descriptors import allow_connections
from qmfagent.errors import QmfAgentError
from qmfagent.keys.command import certs_command
from qmfagent.log import configure_logging
from qmfagent.memory import use_one_arena
from qmfagent.offline import closure_command, plan_command
from qmfagent.pacemaker.file import FileCib
from qmfagent.pacemaker.live import open_live


@click.group()
@click.version_option(package_name="qmfagent")
def cli() -> None:
    """Replicates what depends on a Pacemaker ticket between the sites of a geo cluster."""


cli.add_command(certs_command)
cli.add_command(closure_command)
cli.add_command(plan_command)


@cli.command()
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/qmfagent/agent.toml"),
    show_default=True,
    help="The agent's configuration file.",
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning"]), default="info", show_default=True)
def run(path: Path, log_level: str) -> None:
    """Run this site's agent until it is stopped (SIGTERM or Ctrl-C)."""
    use_one_arena()
    configure_logging(log_level.upper())
    config = read_config(path)
    allow_connections(config.limits.max_connections)
    asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    serving = loop.create_task(_run(config))
    stopping = loop.create_task(stopped.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _run(config: Config) -> None:
    store = open_store(config)
    try:
        await store.start()
        snapshot = await first_snapshot(store)
        agent = QmfAgent(config, store, site_name(config, snapshot), snapshot)
        logging.getLogger(__name__).info("site %s, CIB %s from %s", agent.site, snapshot.version, store.source)
        if not config.access.rules:
            logging.getLogger(__name__).warning("there is no [[access]] rule in the configuration: nobody may connect")
        await agent.run()
    finally:
        await store.stop()


def open_store(config: Config) -> Store:
    """The CIB that a configuration names: a file, or the live one of this node's cluster."""
    return FileCib(config.cib_file) if config.cib_file else open_live()


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
