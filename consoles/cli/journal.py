"""`qmfconsole journal verify`: whether the journals of the sites are what was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from consoles.cli.options import json_option, site_option
from consoles.cli.output import print_json, print_lines, print_table, unreachable_list
from consoles.cli.progress import working
from consoles.cli.status import DONE, ERROR
from consoles.journals import judge
from consoles.settings import Settings
from consoles.synchronous import Console
from consoles.values import Object
from qmfagent.errors import QmfAgentError


@click.group("journal")
def journal_group() -> None:
    """The journals of the sites."""


@journal_group.command("verify")
@site_option
@json_option
@click.pass_obj
def verify_command(settings: Settings, site: str | None, as_json: bool) -> int:
    """Verify the journals: the chain of their entries, their signatures, the documents beside them, and what the other
    sites were told of them.

    Exit status: 0 all is as it was recorded, 1 something was tampered with or damaged.
    """
    with settings.console() as console:
        sites = [console.site(site).site] if site else console.sites()
        results = _verify_all(console, sites, silent=as_json)
        unreachable = console.unreachable()
    if as_json:
        print_json({"journals": results, "unreachable": unreachable_list(unreachable)})
    else:
        print_table(["site", "journal", "entries", "signed", "seen by", "verdict"], map(_row, results))
        print_lines(("error", f"{each['site']}: {each['problem']}") for each in results if each["problem"])
    return DONE if all(not result["problem"] for result in results) else ERROR


def _verify_all(console: Console, sites: Sequence[str], *, silent: bool) -> list[dict[str, Any]]:
    seen, results = console.query("Site"), []
    with working("", silent=silent) as progress:
        for number, site in enumerate(sites, start=1):
            progress.step(f"verifying the journal of {site} ({number} of {len(sites)})")
            results.append(_verify(console, site, seen))
    return results


def _verify(console: Console, site: str, seen: Iterable[Object]) -> dict[str, Any]:
    """What the site found, held against what the others say themselves of its journal."""
    found: Mapping[str, Any] | QmfAgentError
    try:
        found = console.verify_journal(site)
    except QmfAgentError as error:
        found = error
    return judge(site, found, seen)


def _row(result: Mapping[str, Any]) -> list[str | tuple[str, str]]:
    verdict = ("not as recorded", "red") if result["problem"] else ("as recorded", "green")
    seen = ", ".join(result["witnesses"]) or "nobody"
    if "first" not in result:
        return [result["site"], "", "", "", seen, verdict]
    entries = f"{result['first']} to {result['last']}"
    signed = ("yes", "") if result["signed"] else ("no", "yellow")
    return [result["site"], result["journal"], entries, signed, seen, verdict]
