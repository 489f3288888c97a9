"""What the shell is offered for an argument: names that the sites know now, and those of profiles.

Rules of this file: whoever presses the tab key gets names at once or nothing: no error, no prompt, no long wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import click

from consoles.asynchronous import AsyncConsole
from consoles.profiles import profile_names
from consoles.settings import settings_of
from qmfagent.errors import QmfAgentError

PATIENCE = 1.0
"""Seconds that the sites get."""

CLASSES = ("Site", "Ticket", "Resource", "Node", "Constraint", "Replica", "Plan")
"""The classes of objects."""


def complete_profiles(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of profiles."""
    with suppress(QmfAgentError, OSError):
        return _beginning(incomplete, profile_names(context.find_root().params.get("config")))
    return []


def complete_classes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of classes, in whatever case they are begun."""
    return [name for name in CLASSES if name.lower().startswith(incomplete.lower())]


def complete_sites(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of sites."""
    return _asked(context, incomplete, lambda console: console.sites())


def complete_targets(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of sites, and all of them."""
    return [*complete_sites(context, parameter, incomplete), *_beginning(incomplete, ["all"])]


def complete_tickets(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of tickets."""

    async def names(console: AsyncConsole) -> list[str]:
        return [str(ticket.values["name"]) for ticket in await console.query("Ticket")]

    return _asked(context, incomplete, names)


def complete_objects(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of objects that have methods, at the site that was named before."""
    site = context.params.get("site")

    async def names(console: AsyncConsole) -> list[str]:
        found = await asyncio.gather(*(console.query(name, site) for name in ("Site", "Ticket", "Replica", "Plan")))
        return [item.name for items in found for item in items]

    return _asked(context, incomplete, names)


def complete_methods(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Methods of the object that was named before."""
    site, class_name = context.params.get("site", ""), str(context.params.get("object_name", "")).partition(":")[0]

    async def names(console: AsyncConsole) -> list[str]:
        return [method.name for method in (await console.schema(site, class_name)).methods]

    return _asked(context, incomplete, names)


def _asked(context: click.Context, incomplete: str, names: Callable[[AsyncConsole], Awaitable[list[str]]]) -> list[str]:
    """What the sites answer within PATIENCE."""

    async def ask() -> list[str]:
        settings = settings_of(context, lambda problem: None)
        async with asyncio.timeout(PATIENCE), replace(settings, timeout=PATIENCE).async_console() as console:
            return await names(console)

    with suppress(QmfAgentError, click.ClickException, OSError):
        return _beginning(incomplete, sorted(set(asyncio.run(ask()))))
    return []


def _beginning(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
