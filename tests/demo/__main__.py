"""`make demo`: the main job between two sites, with no broker, no cluster and no root.

Rules of this file: every line it prints of a plan, an event or a refusal is what an agent answered over AMQP; nothing is
staged. It ends by itself, and with status 1 where anything is not as it says; only where somebody sits at a terminal it asks
whether he wants to see the sites in a browser.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from lxml import etree

from consoles.client import Console, Event, Plan
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.plans.report import COLOURS, plan_lines
from qmfagent.errors import QmfAgentError, RemoteError
from tests.demo.sites import HERE, SITES, DemoSites
from tests.demo.web import offer_web_console

WAIT = 60.0


def main() -> None:
    """Run the demo."""
    with tempfile.TemporaryDirectory(prefix="qmfagent-demo-") as folder, DemoSites(Path(folder)) as sites:
        try:
            with _console(sites) as console:
                Demo(sites, console).run()
            offer_web_console(sites.urls.values())
        except QmfAgentError as error:
            click.secho(f"the demo failed: {error}", fg="red", err=True)
            for site in SITES:
                click.echo((Path(folder) / f"{site}.log").read_text(), err=True)
            sys.exit(1)
    _next_commands()


class Demo:
    """The steps, in order."""

    def __init__(self, sites: DemoSites, console: Console) -> None:
        self._sites = sites
        self._console = console
        self._step = 0

    def run(self) -> None:
        """All steps."""
        self._show_sites()
        self._show_closure()
        self._replicate_by_hand()
        self._follow_automatically()
        self._delete()
        self._refuse()
        self._find_drift()
        self._roll_back()
        self._turn_round()

    def _say(self, text: str) -> None:
        self._step += 1
        click.secho(f"\n{self._step}. {text}", bold=True)

    def _show_sites(self) -> None:
        self._say("Two sites, each with a cluster of its own (here: a CIB in a file) and an agent.")
        self._wait_for("web-ticket", "lyon", "in-sync")
        for ticket in self._console.tickets():
            where = ", ".join(f"{at.site}: {at.state}" for at in ticket.sites)
            click.echo(f"   ticket {ticket.name:12} {where}")
        click.echo(
            "   web-ticket is replicated automatically at Lyon, so it is there already; db-ticket is replicated by hand"
        )

    def _show_closure(self) -> None:
        self._say("What depends on db-ticket at Paris, and would travel:")
        found = closure(self._sites.cib("paris"), "db-ticket")
        click.echo(f"   {', '.join(found.lines)}")
        for boundary in found.boundaries:
            click.echo(f"   left out: {boundary}")

    def _replicate_by_hand(self) -> None:
        self._say("The plan for db-ticket at Lyon, with Lyon's own address and path in it:")
        plan = self._console.plan("lyon", "db-ticket")
        _print(plan)
        with self._console.subscribe(["config_changed"], ["lyon"]) as events:
            applied = self._console.apply("lyon", plan.token)
            _expect(events, "config_changed")
        click.echo(f"   applied as one write: {applied.changes} changes, Lyon's CIB is at version {applied.version}")
        again = self._console.plan("lyon", "db-ticket")
        _check(not again.token, "applying the same publication twice writes nothing")
        click.echo("   a second plan finds nothing to do")

    def _follow_automatically(self) -> None:
        self._say("web-ticket follows by itself: an edit at Paris is at Lyon a moment later.")
        with self._console.subscribe(["applied"], ["lyon"]) as events:
            started = time.monotonic()
            self._sites.edit("paris", lambda c: _set(c, "web-server-config", "/etc/apache2/shop.conf"))
            event = _expect(events, "applied", ticket="web-ticket")
            took = time.monotonic() - started
        click.echo(f"   edited at Paris, applied at Lyon {took * 1000:.0f} ms later: {event.values['count']} change(s)")
        self._check_value("lyon", "web-server-config", "/etc/apache2/shop.conf")
        self._check_value("lyon", "web-ip-address", "10.2.0.20")
        click.echo("   Lyon's own address of the web server stayed: 10.2.0.20")

    def _delete(self) -> None:
        self._say("A resource is deleted at Paris: exactly it goes at Lyon, too.")
        with self._console.subscribe(["applied"], ["lyon"]) as events:
            self._sites.edit("paris", _without_mailer)
            _expect(events, "applied", ticket="web-ticket")
        there = self._sites.cib("lyon").members
        _check("shop-mailer" not in there, "shop-mailer is gone at Lyon")
        _check({"web", "db-clone", "lyon-dns", "lyon-ping-clone"} <= there.keys(), "everything else is still there")
        click.echo("   shop-mailer is gone; Lyon's own lyon-dns and lyon-ping-clone were not touched")

    def _refuse(self) -> None:
        self._say("What must not happen is refused, by name:")
        try:
            self._console.plan("paris", "db-ticket")
        except RemoteError as error:
            click.secho(f"   {error.reason}: {error}", fg="red")
        else:
            _check(False, "a holder never applies")

    def _find_drift(self) -> None:
        self._say(
            "Somebody edits at Lyon what was delivered there: it is found, explained, and not silently overwritten."
        )
        with self._console.subscribe(["drift_found"], ["lyon"]) as events:
            self._sites.edit("lyon", lambda c: _set(c, "web-server-config", "/etc/apache2/quick-fix.conf"))
            event = _expect(events, "drift_found", ticket="web-ticket")
        for change in event.values["changes"]:
            click.echo(
                f"   {change['operation']} {change['kind']} {change['id']}: {change['old']} -> {change['attributes']}"
            )
        for step in self._console.explain("lyon", "web-server-config"):
            if step["field"] == "value":
                click.echo(f"   {step['step']:10} {step['value']:32} {step['detail']}")
        plan = self._console.plan_heal("lyon", "web-ticket")
        _print(plan)
        self._console.apply("lyon", plan.token)
        self._check_value("lyon", "web-server-config", "/etc/apache2/shop.conf")
        click.echo("   healed")

    def _roll_back(self) -> None:
        self._say("Every change is in the journal, and can be taken back: here the one that brought db-ticket to Lyon.")
        for change in self._console.history("lyon", "db-ticket"):
            click.echo(f"   {change['number']:4}  {change['name']}")
        (applied,) = [c for c in self._console.history("lyon", "db-ticket") if c["name"] == "applied"]
        plan = self._console.plan_rollback("lyon", applied["number"])
        click.echo(f"   rolling back change {applied['number']}: {len(plan.changes)} changes")
        self._console.apply("lyon", plan.token)
        _check("db-clone" not in self._sites.cib("lyon").members, "what db-ticket brought is gone at Lyon")
        self._console.replicate("db-ticket", "lyon")
        _check("db-clone" in self._sites.cib("lyon").members, "db-ticket is at Lyon again")
        verified = self._console.verify_journal("lyon")
        click.echo(
            f"   and there again; Lyon's journal holds entries {verified['first']} to {verified['last']}, as recorded"
        )

    def _turn_round(self) -> None:
        self._say("The web service moves: web-ticket is revoked at Paris and granted at Lyon. Now Lyon publishes.")
        with self._console.subscribe(["published"], ["lyon"]) as events:
            self._console.call("paris", "Ticket:web-ticket", "revoke")
            self._console.call("lyon", "Ticket:web-ticket", "grant")
            _expect(events, "published", ticket="web-ticket")
        with self._console.subscribe(["applied"], ["paris"]) as events:
            self._sites.edit("lyon", lambda c: _set(c, "web-fs-fstype", "ext4"))
            _expect(events, "applied", ticket="web-ticket", publisher="lyon")
        self._check_value("paris", "web-fs-fstype", "ext4")
        self._check_value("paris", "web-ip-address", "10.1.0.20")
        click.echo("   edited at Lyon, applied at Paris, with Paris's own address")

    def _wait_for(self, ticket: str, site: str, state: str) -> None:
        deadline = time.monotonic() + WAIT
        while (ticket, site, state) not in {
            (t.name, at.site, at.state) for t in self._console.tickets() for at in t.sites
        }:
            _check(time.monotonic() < deadline, f"{ticket} at {site} is {state}")
            time.sleep(0.05)

    def _check_value(self, site: str, nvpair: str, value: str) -> None:
        found = self._sites.cib(site).ids[nvpair].get("value")
        _check(found == value, f"{nvpair} at {site} is {value}, not {found}")


@contextmanager
def _console(sites: DemoSites) -> Iterator[Console]:
    """A console connected to both agents, once each has found the other."""
    deadline = time.monotonic() + WAIT
    while True:
        try:
            with Console(sites.urls.values(), on_problem=lambda problem: None) as console:
                while not all(peer["connected"] for site in console.query("Site") for peer in site.peers) or len(
                    console.sites()
                ) < len(SITES):
                    _check(time.monotonic() < deadline, "the agents find each other")
                    time.sleep(0.05)
                yield console
                return
        except QmfAgentError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _print(plan: Plan) -> None:
    for style, text in plan_lines(plan.content, plan.site):
        click.secho(f"   {text}", fg=COLOURS.get(style), bold=style == "head" or None)


def _expect(events: object, name: str, **values: object) -> Event:
    deadline = time.monotonic() + WAIT
    while True:
        event = events.next(timeout=max(0.01, deadline - time.monotonic()))  # type: ignore[attr-defined]
        if isinstance(event, Event) and event.name == name and all(event.values.get(k) == v for k, v in values.items()):
            return event


def _set(configuration: etree._Element, nvpair: str, value: str) -> None:
    found = configuration.find(f".//nvpair[@id='{nvpair}']")
    assert found is not None
    found.set("value", value)


def _without_mailer(configuration: etree._Element) -> None:
    for reference in configuration.xpath("//*[@id='shop-mailer']"):
        reference.getparent().remove(reference)
    for identifier in ("web-before-mailer", "shop"):
        for element in configuration.xpath(f"//*[@id='{identifier}']"):
            element.getparent().remove(element)


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise QmfAgentError(f"this does not hold: {what}")


def _next_commands() -> None:
    data = HERE.relative_to(Path.cwd()) if HERE.is_relative_to(Path.cwd()) else HERE
    files = f"--source {data}/paris.xml --target {data}/lyon.xml --site {data}/lyon-site.toml"
    click.secho("\nTry next:", bold=True)
    for command in (
        f".venv/bin/qmfagent closure db-ticket --cib {data}/paris.xml",
        f".venv/bin/qmfagent plan web-ticket {files}",
        f".venv/bin/qmfagent plan web-ticket {files} --patch",
        ".venv/bin/qmfconsole --help",
        "make lab      # two real Pacemaker clusters in namespaces, as root; then docs/intro/tutorial.md",
        "make test",
    ):
        click.echo(f"   {command}")


if __name__ == "__main__":
    main()
