"""Documents, changes and plans without the secrets in them.

Rules of this file: what leaves the agent for people goes through here; a publication alone does not, since it has to arrive
whole at the other site. Where an element can't be found, its values are hidden. That a secret has changed is seen, never
what it was, what it is, or how long. Nothing is selected or compared on the original of a document that is given out
redacted, so that no predicate can be used to guess.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.mangling.overrides import OverrideUse
from qmfagent.cib.mangling.overrides import shown as shown_select
from qmfagent.cib.plans.difference import Change
from qmfagent.cib.plans.plan import Plan, change_map
from qmfagent.cib.snapshot import Snapshot
from qmfagent.policy.lookup import Lookup, Source
from qmfagent.policy.secret_places import agents_in, secret_places
from qmfagent.policy.secrets import HIDDEN, Secrets

CHANGED = f"{HIDDEN} (changed)"


class RedactedCib:
    """The redacted form of the CIB. That of the configuration is kept until it is forgotten."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._original: etree._Element | None = None
        self._agents: Collection[str] = ()
        self._known: dict[str, frozenset[str] | None] = {}
        self._result: etree._Element | None = None

    def forget(self) -> None:
        """The configuration is another one now: keep nothing of it, since it may be large."""
        self._original = self._result = None

    def agents(self, snapshot: Snapshot) -> Collection[str]:
        """The agents (class:provider:type) whose private parameters it takes to know what is secret."""
        if snapshot.configuration is not self._original:
            self._original, self._result = snapshot.configuration, None
            self._agents = agents_in(snapshot.configuration)
        return self._agents

    def configuration(self, snapshot: Snapshot) -> etree._Element:
        """The redacted form of a snapshot's configuration, which nobody edits."""
        known = {agent: self._secrets.private(agent) for agent in self.agents(snapshot)}
        if self._result is None or known != self._known:
            self._result, self._known = redacted(snapshot.configuration, self._secrets), known
        return self._result

    def of(self, snapshot: Snapshot) -> RedactedSnapshot:
        """The redacted form of a snapshot."""
        return RedactedSnapshot(self, snapshot)

    def status(self, snapshot: Snapshot) -> etree._Element | None:
        """The redacted form of a snapshot's status, which nobody edits."""
        return None if snapshot.status is None else redacted(snapshot.status, self._secrets)


@dataclass(frozen=True, slots=True)
class RedactedSnapshot:
    """A snapshot without secrets; each part is worked out when it is asked for."""

    cib: RedactedCib
    snapshot: Snapshot

    @property
    def configuration(self) -> etree._Element:
        """The configuration element. Nobody may edit it."""
        return self.cib.configuration(self.snapshot)

    @property
    def status(self) -> etree._Element | None:
        """The status element, where there is one. Nobody may edit it."""
        return self.cib.status(self.snapshot)


def redacted(root: etree._Element, secrets: Secrets) -> etree._Element:
    """A document without its secrets; the very element where it holds none."""
    if not any(True for _ in secret_places(root, secrets, _no_template)):
        return root
    copy = deepcopy(root)
    for element, attribute in list(secret_places(copy, secrets, _no_template)):
        element.set(attribute, HIDDEN)
    return copy


class Concealer:
    """Hides what is secret in changes between `sources`: a configuration before and after, or that of two sites."""

    def __init__(self, secrets: Secrets, *sources: Source) -> None:
        self._secrets = secrets
        self._lookups = [Lookup(source, secrets) for source in sources]

    def hides(self, path: str, attribute: str, value: str = "") -> bool:
        """Whether an attribute of the element at a path of Pacemaker's is secret in any source, or tells it by `value`.

        What no source has is hidden.
        """
        found = [secret for lookup in self._lookups if (secret := lookup.at(path)) is not None]
        return not found or any(attribute in secret for secret in found) or self._secrets.told_by(value)

    def plan(self, plan: Plan, rules: Concealer) -> dict[str, Any]:
        """A plan as plain values, as schemas/plan.schema.json describes it, without secrets.

        `rules` hides what is secret in the override diff, between the publication and the closure as the site has it.
        """
        values = plan.to_map()
        self._conceal(values["changes"], plan.changes)
        rules._conceal(values["override_changes"], plan.override_changes)
        for shown, use in zip(values["overrides"], plan.overrides, strict=True):
            shown["select"] = shown_select(use.select)
            if self._sets_secret(use):
                shown["value"] = HIDDEN
        return values

    def changes(self, changes: Sequence[Change]) -> list[dict[str, Any]]:
        """Changes as plain values, as in a plan, without secrets."""
        values = [change_map(change) for change in changes]
        self._conceal(values, changes)
        return values

    def _conceal(self, values: Iterable[dict[str, Any]], changes: Iterable[Change]) -> None:
        """Hide the secrets in the plain values of changes, in place."""
        for shown, change in zip(values, changes, strict=True):
            shown["content"] = self._content(change)
            for attribute in shown["attributes"]:
                old, new = attribute["old"], attribute["new"]
                if self.hides(change.path, attribute["name"], old or "") or self._secrets.told_by(new or ""):
                    attribute["old"] = None if old is None else HIDDEN
                    attribute["new"] = None if new is None else CHANGED

    def _sets_secret(self, use: OverrideUse) -> bool:
        """Whether an override sets a secret. One that touches nothing here may be meant for one."""
        places = [place.rpartition("/@") for place in use.places]
        return not places or any(
            self.hides(path, name, use.value) if path else self.hides(name, "value", use.value)
            for path, _, name in places
        )

    def _content(self, change: Change) -> str:
        if not change.content:
            return ""
        root = document.parse_element(change.content)
        members = [change.member] if change.member else [child.get("id", "") for child in root]
        secret = set() if self._is_all_there_is(change) else {k for each in self._lookups for k in each.named(members)}
        for element, attribute in list(secret_places(root, self._secrets, self._template)):
            element.set(attribute, HIDDEN)
        for element in root.iter("*"):
            for attribute in element.attrib:
                if (element.tag, element.get("id"), attribute) in secret:
                    element.set(attribute, HIDDEN)
        return document.canonical(root).decode()

    def _is_all_there_is(self, change: Change) -> bool:
        """Whether the content is a whole member that one source alone has: then it tells itself what is secret in it."""
        if change.id != change.member or any(lookup.borrowing for lookup in self._lookups):
            return False
        return sum(lookup.has(change.member) for lookup in self._lookups) == 1

    def _template(self, name: str) -> etree._Element | None:
        return next((found for lookup in self._lookups if (found := lookup.template(name)) is not None), None)


def _no_template(name: str) -> None:
    """What is looked at as a whole holds its templates itself."""
