"""The `qmfagent` command."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from dataclasses import replace
from pathlib import Path

import click

from qmfagent.agent import QmfAgent
from qmfagent.completion import completion_command
from qmfagent.config import Config, read_config
from qmfagent.descriptors import allow_connections
from qmfagent.errors import QmfAgentError
from qmfagent.journal_command import journal_command
from qmfagent.keys.command import certs_command
from qmfagent.log import FORMATS, TEXT, configure_logging, name_site
from qmfagent.memory import use_one_arena
from qmfagent.offline import closure_command, plan_command
from qmfagent.pacemaker.booth_config import BoothConfigs
from qmfagent.pacemaker.file import FileCib
from qmfagent.pacemaker.live import open_live
from qmfagent.service_manager import ServiceManager
from qmfagent.site_store import Store, first_snapshot, site_name

CHECK = "check"


class Commands(click.Group):
    """The commands of the agent, and the one that is a console: it is loaded when it is asked for, never into a daemon."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all, in order."""
        return sorted([*super().list_commands(ctx), CHECK])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name == CHECK:
            from consoles.cli.check import check_command

            return check_command
        return super().get_command(ctx, cmd_name)


@click.group(cls=Commands)
@click.version_option(package_name="qmfagent")
def cli() -> None:
    """Replicates what depends on a Pacemaker ticket between the sites of a geo cluster."""


cli.add_command(certs_command)
cli.add_command(closure_command)
cli.add_command(completion_command)
cli.add_command(journal_command)
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
@click.option(
    "--xslt",
    type=click.Path(path_type=Path),
    multiple=True,
    help="An XSLT file that publications go through, in place of those that the site file lists. May be repeated.",
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning"]), default="info", show_default=True)
@click.option(
    "--log-format",
    type=click.Choice(FORMATS),
    default=TEXT,
    show_default=True,
    help="Lines for people, or one JSON object a line.",
)
@click.option(
    "--log-file",
    type=click.Path(path_type=Path),
    help="Log to this file, which is renamed when it is full, instead of to standard error. It takes 100 MiB at most.",
)
def run(path: Path, xslt: tuple[Path, ...], log_level: str, log_format: str, log_file: Path | None) -> None:
    """Run this site's agent until it is stopped (SIGTERM or Ctrl-C).

    Where NOTIFY_SOCKET is set, as by systemd, it tells there when consoles can connect.
    """
    use_one_arena()
    manager = ServiceManager.of_environment()
    try:
        configure_logging(log_level.upper(), log_file, log_format)
        config = read_config(path)
        config = replace(config, replication=replace(config.replication, xslt=xslt))
        allow_connections(config.limits.max_connections)
        asyncio.run(_serve(config, manager))
    except QmfAgentError as error:
        manager.status(str(error))
        raise


async def _serve(config: Config, manager: ServiceManager) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    serving = loop.create_task(_run(config, manager))
    stopping = loop.create_task(stopped.wait())
    living = loop.create_task(manager.live())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.is_set():
        manager.stopping()
    stopping.cancel()
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    living.cancel()


async def _run(config: Config, manager: ServiceManager) -> None:
    store = open_store(config)
    manager.status(f"waiting for the CIB ({store.source})")
    try:
        await store.start()
        snapshot = await first_snapshot(store)
        site = site_name(config, snapshot)
        name_site(site)
        agent = QmfAgent(config, store, site, snapshot)
        logging.getLogger(__name__).info("site %s, CIB %s from %s", agent.site, snapshot.version, store.source)
        if not config.access.rules:
            logging.getLogger(__name__).warning("there is no [[access]] rule in the configuration: nobody may connect")
        ready = asyncio.Event()
        telling = asyncio.create_task(_tell_ready(ready, agent, manager))
        try:
            await agent.run(ready)
        finally:
            telling.cancel()
    finally:
        await store.stop()


async def _tell_ready(ready: asyncio.Event, agent: QmfAgent, manager: ServiceManager) -> None:
    await ready.wait()
    manager.ready(f"serving site {agent.site}")


def open_store(config: Config) -> Store:
    """The CIB that a configuration names: a file, or the live one of this node's cluster."""
    return FileCib(config.cib_file) if config.cib_file else open_live(booth=BoothConfigs(config.booth))


def main() -> None:
    """Run the command line; errors meant for people end in one line on standard error and exit status 1."""
    try:
        sys.exit(cli.main(prog_name="qmfagent", standalone_mode=False))
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
