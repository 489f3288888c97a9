"""`qmfagent closure` and `qmfagent plan`: the pure functions on CIB files, without an agent or a cluster."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import click

from qmfagent.cib.closure.closure import closure
from qmfagent.cib.document import MAX_BYTES
from qmfagent.cib.mangling.mangle import mangle
from qmfagent.cib.mangling.ticket_rules import settle_rules
from qmfagent.cib.plans.closure_difference import closure_changes
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.plans.report import COLOURS, plan_lines
from qmfagent.cib.plans.report_html import plan_html
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError
from qmfagent.policy.lookup import Source
from qmfagent.policy.redaction import Concealer
from qmfagent.policy.secrets import Secrets
from qmfagent.sandbox import transform_limited
from qmfagent.site_file import read_bounded, read_site_rules

NOTHING_TO_DO, CHANGES = 0, 2

_FILE = click.Path(path_type=Path)


@click.command("closure")
@click.argument("ticket")
@click.option("--cib", "path", type=_FILE, required=True, help="CIB file, as 'cibadmin --query' writes it.")
@click.option("--ids", is_flag=True, help="Print the ids in the closure, sorted, one a line.")
def closure_command(ticket: str, path: Path, ids: bool) -> None:
    """Print all configuration that depends on TICKET, as a CIB document."""
    snapshot = _read(path)
    found = closure(snapshot, ticket)
    for boundary in found.boundaries:
        click.echo(f"note: {boundary}", err=True)
    for problems in settle_rules(found, snapshot.tickets).problems.values():
        for problem in problems:
            click.echo(f"{problem.severity}: {problem.message}", err=True)
    if ids:
        click.echo("".join(f"{identifier}\n" for identifier in sorted(found.ids)), nl=False)
    else:
        click.echo(found.as_cib(snapshot.validate_with), nl=False)


@click.command("plan")
@click.argument("ticket")
@click.option("--source", type=_FILE, required=True, help="CIB file of the site that holds the ticket.")
@click.option("--target", type=_FILE, required=True, help="CIB file of the site to bring up to date.")
@click.option("--site", "site_path", type=_FILE, help="Site file of the target: overrides and XSLT steps.")
@click.option("--adopt", is_flag=True, help="Take over local elements that depend on the ticket already.")
@click.option("--patch", "as_patch", is_flag=True, help="Print the patchset for 'cibadmin --patch' instead.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON instead.")
@click.option("--html", "as_html", is_flag=True, help="Print the plan as a fragment of HTML instead.")
def plan_command(
    ticket: str,
    source: Path,
    target: Path,
    site_path: Path | None,
    adopt: bool,
    as_patch: bool,
    as_json: bool,
    as_html: bool,
) -> None:
    """Print what replication of TICKET would change. Secrets are left out, but for --patch, which has to have them.

    Exit status: 0 nothing to do, 2 changes, 1 error.
    """
    if as_patch + as_json + as_html > 1:
        raise click.UsageError("--patch, --json and --html exclude each other")
    here, published = _read(target), closure(_read(source), ticket)
    mangled = mangle(published, here.tickets, read_site_rules(site_path), transform_limited)
    plan = make_plan(here, mangled.closure, overrides=mangled.uses, adopt=adopt, problems=mangled.problems)
    plan = replace(plan, override_changes=closure_changes(published, mangled.closure))
    ours, secrets = Source.of_closure(mangled.closure), Secrets()
    rules = Concealer(secrets, Source.of_closure(published), ours)
    shown = Concealer(secrets, Source.of_snapshot(here), ours).plan(plan, rules)
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    elif as_html:
        click.echo(plan_html(shown, str(target)))
    elif as_patch:
        for problem in plan.problems:
            click.echo(f"{problem.severity}: {problem.message}", err=True)
        if plan.changes and not plan.errors:
            click.echo(plan.patchset)
    else:
        for style, text in plan_lines(shown, str(target)):
            bold = style in ("head", "error")
            click.secho(text, fg=COLOURS.get(style), bold=bold or None, err=style in ("error", "warning"))
    if plan.errors:
        sys.exit(1)
    sys.exit(CHANGES if plan.changes else NOTHING_TO_DO)


def _read(path: Path) -> Snapshot:
    try:
        return Snapshot.parse(read_bounded(path, MAX_BYTES), str(path))
    except OSError as error:
        raise CibError(f"{path}: {error.strerror}", hint="check its name and permissions") from None
