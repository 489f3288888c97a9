"""A failover as somebody at the web console sees it: real clusters, booth, agents, `qmfconsole web`, and Chromium.

Rules of this file: everything is done and seen in the pages, but for the outage and what administrators do at their clusters.
No page is loaded anew: what they show has come to them by itself. The console is at site B, which survives.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.lab import requirements
from tests.lab.agent_pair import AgentPair
from tests.lab.booth import Booth
from tests.lab.configurations import SITE_FILES, TICKET, database, dummy, local
from tests.lab.lab import Lab
from tests.lab.web_console import WebConsole
from tests.web.chromium import CHROMIUM

pytestmark = pytest.mark.lab


@pytest.fixture
def pair(lab: Lab, booth: Booth, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentPair]:
    """Both sites with their agents, the database at A alone, and nobody holds its ticket."""
    with AgentPair(lab, tmp_path_factory.mktemp("agents"), SITE_FILES) as running:
        booth.revoke(TICKET)
        running.given(local("sitea"), local("siteb"))
        running.a.modify(database())
        yield running


@pytest.fixture
def overview(pair: AgentPair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The overview, signed in."""
    requirements.require([CHROMIUM], root=False, packages="chromium")
    folder = tmp_path_factory.mktemp("web")
    with WebConsole(pair.lab, "siteb", pair.b.console_tls, folder) as web, web.browser() as page:
        yield page


def another(page: Page, *links: str) -> Page:
    """A page of its own, reached from the overview by these links one after the other."""
    opened = page.context.new_page()
    opened.goto(page.url)
    for link in links:
        found = opened.get_by_role("link", name=link, exact=True).first
        place = found.get_attribute("href")
        found.click()
        opened.wait_for_url(f"**{place}")
    return opened


def cell(overview: Page, site: str) -> Locator:
    """Where a site stands with the ticket."""
    return overview.locator(f"#cell-{TICKET}-{site}")


def grant(page: Page, site: str) -> None:
    """Grant the ticket to a site, from the ticket's page and through its confirmation."""
    page.get_by_role("link", name=f"Grant {TICKET} at {site}").click()
    expect(page.locator("main")).to_contain_text("booth manages this ticket")
    page.get_by_role("button", name="Grant").click()
    expect(page.get_by_role("heading", name=f"Ticket {TICKET} is granted to {site}.")).to_be_visible()


def states(site: Page, app: str, data: str) -> None:
    """Expect these states of the database on the page of a site."""
    for resource, state in (("db-ip", app), ("db-app", app), ("db-data", data)):
        expect(site.locator(f"#resource-{resource} .state").first).to_have_text(state)


def test_a_failover_is_seen_as_it_happens(pair: AgentPair, overview: Page) -> None:
    grant(another(overview, TICKET), "sitea")
    at_a, at_b = another(overview, "sitea"), another(overview, "siteb")
    ticket, events = another(overview, TICKET), another(overview, "Events")
    newest = events.locator(f"[data-event=applied]:has-text('{TICKET}')").first
    pages = (overview, at_a, at_b, ticket, events)
    for page in pages:
        page.evaluate("window.unchanged = true")
    expect(cell(overview, "sitea")).to_contain_text("holder")
    expect(cell(overview, "siteb")).to_contain_text("in sync")
    states(at_a, "Started", "Promoted")
    states(at_b, "Stopped", "Unpromoted")

    # An edit at the holder.
    before = newest.get_attribute("data-number")
    pair.a.set_parameter("db-app", "fake", "of a")
    expect(newest).not_to_have_attribute("data-number", before or "")
    expect(newest).to_contain_text("siteb")
    expect(cell(overview, "siteb")).to_contain_text("in sync")

    # The holder is lost.
    pair.lab.cut("sitea")
    try:
        expect(overview.locator("#site-sitea")).to_contain_text("not reached")
        nobody = overview.get_by_role("status").filter(has_text="Nobody answers at amqps://sitea")
        expect(nobody).to_be_visible()
        expect(cell(overview, "siteb")).to_contain_text("holder")
        expect(cell(overview, "sitea")).to_contain_text("unreachable")
        expect(overview.locator("#site-siteb")).to_contain_text(TICKET)
        states(at_b, "Started", "Promoted")
    finally:
        pair.lab.join("sitea")

    # It is back, and follows.
    expect(cell(overview, "sitea")).to_contain_text("in sync")
    expect(cell(overview, "siteb")).to_contain_text("holder")
    expect(overview.locator("#site-sitea")).to_contain_text("no ticket")
    expect(nobody).to_have_count(0)
    expect(ticket.locator("#at-siteb")).to_contain_text(f"owner {pair.lab.address('siteb')}")
    states(at_a, "Stopped", "Unpromoted")
    states(at_b, "Started", "Promoted")
    pair.b.modify(f'<resources><group id="db">{dummy("db-more")}</group></resources>')
    expect(at_b.locator("#resource-db-more")).to_contain_text("Started")
    expect(at_a.locator("#resource-db-more")).to_contain_text("Stopped")
    expect(cell(overview, "sitea")).to_contain_text("in sync")
    for page in pages:
        assert page.evaluate("window.unchanged")
