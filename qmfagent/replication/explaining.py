"""Explaining where the values of an element at this site come from.

Rules of this file: nothing is written, to the CIB or to the ledger. The holder is asked for its publication, as a plan does;
where it can't be had, what was delivered last stands in its place, and the answer says so. What is told holds no secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.mangling.explain import DELIVERED, EDITED, LOCAL, PENDING, PUBLISHED, Stage, explain, find_in
from qmfagent.cib.ownership import is_ownership_tag, tag_id
from qmfagent.cib.plans.members import pick_members
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import TicketState
from qmfagent.errors import CibError, QmfAgentError
from qmfagent.policy.lookup import Source
from qmfagent.policy.redaction import Concealer
from qmfagent.policy.secrets import HIDDEN
from qmfagent.replication.applying.acceptance import Acceptance
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.following.drift_watch import FOUND
from qmfagent.replication.holders import Holders
from qmfagent.replication.ports import CibStore, Ledger, Remotes
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.reasons import message_of

# The element of an id after each of this site's own steps, for a published closure and the states of tickets here. May take
# seconds.
SiteStages = Callable[[str, Closure, Mapping[str, TicketState]], list[Stage]]


class Explainer:
    """Explains the elements of `site`."""

    def __init__(
        self,
        site: str,
        store: CibStore,
        remotes: Remotes,
        stages: SiteStages,
        applier: Applier,
        ledger: Ledger,
        acceptance: Acceptance,
    ) -> None:
        """`stages` runs this site's own steps."""
        self._store = store
        self._stages = stages
        self._applier = applier
        self._ledger = ledger
        self._acceptance = acceptance
        self._holders = Holders(site, store, remotes)

    async def explain(self, identifier: str) -> list[dict[str, str]]:
        """The steps that gave the element of that id its values: maps of field, value, step and detail.

        Raises CibError where nothing here or published for this site has that id, what a site's own rules raise, and
        Disconnected.
        """
        here = await self._store.snapshot()
        element = here.ids.get(identifier)
        owners = _owners(here, self._tickets(here), element)
        if element is not None and not owners:
            return self._told([Stage(LOCAL, "this site's own", element)], here)
        failure = ""
        for ticket in owners or self._tickets(here):
            try:
                holder = (await self._holders.find(ticket)).site
                publication = await self._applier.fetcher.announced(holder, ticket)
                source = await self._applier.fetcher.closure(publication)
            except QmfAgentError as error:
                failure = failure or message_of(error)
                continue
            if element is not None or find_in(source.lines, identifier) is not None:
                return await self._followed(identifier, publication, source, here, element)
        if element is None:
            raise CibError(
                f"no element here has the id {identifier!r}, and none that is published for this site",
                hint=failure or "'qmfagent closure --ids' tells the ids of a ticket",
            )
        return self._remembered(identifier, owners[0], failure, here, element)

    async def _followed(
        self,
        identifier: str,
        publication: Publication,
        source: Closure,
        here: Snapshot,
        element: etree._Element | None,
    ) -> list[dict[str, str]]:
        ticket = publication.ticket
        detail = f"by {publication.site} for ticket {ticket}, version {publication.version}, digest {publication.digest[:16]}"
        published = Stage(PUBLISHED, detail, find_in(source.lines, identifier))
        own = await asyncio.to_thread(self._stages, identifier, source, here.tickets)
        stages = [published, *own, *self._local_stages(identifier, ticket, here, element)]
        return self._told(stages, here, source, _made(own, source), self._delivered(ticket, here))

    def _remembered(
        self, identifier: str, ticket: str, failure: str, here: Snapshot, element: etree._Element
    ) -> list[dict[str, str]]:
        """The same where nothing is published for this site, or it can't be had."""
        state = here.tickets.get(ticket)
        if state is not None and state.granted:
            return self._told([Stage(LOCAL, f"this site's own, published for ticket {ticket}", element)], here)
        delivered = self._delivered(ticket, here)
        detail = f"last, for ticket {ticket}; what is published now is not known: {failure}"
        stages = [
            Stage(DELIVERED, detail, find_in(delivered.lines, identifier)),
            *self._local_stages(identifier, ticket, here, element),
        ]
        return self._told(stages, here, delivered)

    def _local_stages(
        self, identifier: str, ticket: str, here: Snapshot, element: etree._Element | None
    ) -> Iterator[Stage]:
        """What was delivered, where that is known, and what stands here."""
        delivered = self._delivered(ticket, here).lines
        if delivered:
            last = find_in(delivered, identifier)
            yield Stage(PENDING, "what is published is not applied here yet; this was delivered last", last)
            yield Stage(EDITED, f"here, since it was delivered{self._by(ticket, element)}", element)
        else:
            yield Stage(EDITED, "here, or not applied yet: what was delivered last is not known", element)

    def _delivered(self, ticket: str, here: Snapshot) -> Closure:
        lines = self._applier.measured(ticket, here)
        return pick_members(ticket, lines, lines)

    def _by(self, ticket: str, element: etree._Element | None) -> str:
        """Who made the edits that were told of last, where this element is among them."""
        if element is None:
            return ""
        path = document.element_path(element)
        for recorded in self._ledger.of_ticket(ticket, (FOUND,), 1):
            values = recorded.values
            if any(str(change["path"]).startswith(path) for change in values["changes"]):
                names = {"by": values["user"], "with": values["client"], "on": values["origin"]}
                return "".join(f" {word} {name}" for word, name in names.items() if name)
        return ""

    def _tickets(self, here: Snapshot) -> list[str]:
        return sorted({*here.references.tickets, *here.tickets, *self._ledger.standings()})

    def _told(self, stages: list[Stage], here: Snapshot, *closures: Closure) -> list[dict[str, str]]:
        sources = [Source.of_snapshot(here), *map(Source.of_closure, closures)]
        concealer = Concealer(self._acceptance.secrets, *sources)
        found = []
        for step in explain(stages):
            hidden = step.field and concealer.hides(step.path, step.attribute, step.value)
            value = HIDDEN if hidden else step.value
            found.append({"field": step.field, "value": value, "step": step.step, "detail": step.detail})
        return found


def _made(own: list[Stage], source: Closure) -> Closure:
    """The member that the element is part of after the last of the site's own steps, and the templates there are."""
    element = own[-1].element
    lines = {i: line for i, line in source.lines.items() if line.startswith(b"<template ")}
    if element is not None:
        chain = [element, *element.iterancestors()]
        member = document.member_of(element) if chain[-1].tag == "cib" else chain[-1]
        lines[str(member.get("id"))] = document.canonical(member)
    return pick_members(source.ticket, lines, lines)


def _owners(here: Snapshot, tickets: list[str], element: etree._Element | None) -> list[str]:
    """The tickets that an element is owned for."""
    if element is None:
        return []
    member = document.member_of(element).get("id")
    tags = {tag for tag, references in here.references.tags.items() if is_ownership_tag(tag) and member in references}
    return [ticket for ticket in tickets if tag_id(ticket) in tags]
