"""What a console gives to its caller.

Rules of this file: frozen values. Maps in them are as the agent sent them, of plain Python values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from consoles.numbers import whole_number
from consoles.words import safe
from qmfagent.cib.plans.report import plan_lines
from qmfagent.errors import Refused, UnknownObject


@dataclass(frozen=True, slots=True)
class Object:
    """One QMF object of a site, such as `Ticket:db`.

    `values` are its properties by name, as schemas/qmfagent.xml describes them. Each is an attribute too
    (`ticket.granted`), except where a field of this class has the name: `name` is the object's, `values["name"]` the
    property.
    """

    site: str
    class_name: str
    name: str
    values: Mapping[str, Any] = field(hash=False)

    def __getattr__(self, name: str) -> Any:
        # While an object is copied or unpickled it has no values yet, and asking for them would come back here.
        if name != "values" and not name.startswith("__") and name in self.values:
            return self.values[name]
        raise AttributeError(f"{type(self).__name__} has no {name!r}")


@dataclass(frozen=True, slots=True)
class Position:
    """A place among the events of a site: the number of one, and the journal it is of, empty for whichever there is.

    Numbers of another journal mean other events: with its journal, a position that is no longer valid is found out.
    """

    seq: int
    journal: str = ""

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read what str() gives, or a number alone. Raises UnknownObject for what is neither."""
        journal, _, seq = text.rpartition(":")
        number = whole_number(seq)
        if number is None:
            raise UnknownObject(
                f"{text!r} is no place among events", hint="write the number of an event, or JOURNAL:NUMBER"
            )
        return cls(number, journal)

    def __str__(self) -> str:
        return f"{self.journal}:{self.seq}" if self.journal else str(self.seq)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a site.

    `name` is that of the event class, `severity` 0 to 7 as in syslog, `timestamp` nanoseconds since the epoch by the
    site's clock. `seq` is its number in the site's journal, 0 where the site does not number its events, `journal` that
    journal's id, empty where it is not known.
    """

    site: str
    name: str
    values: Mapping[str, Any] = field(hash=False)
    severity: int
    timestamp: int
    seq: int = 0
    journal: str = ""

    @property
    def position(self) -> Position:
        """What to subscribe `since` to go on after this event."""
        return Position(self.seq, self.journal)


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that came by way of `url` are missing here: `missed` is how many, None where nobody can know.

    `site` is whose they are, empty where they may be those of any site there. What follows of that site are the events
    after number `resume`, None where that is not known. Whoever follows its state reads it afresh now.
    """

    url: str
    missed: int | None
    reason: str
    site: str = ""
    resume: int | None = None


@dataclass(frozen=True, slots=True)
class SiteLost:
    """The connection with a site is lost, or its agent is silent: no more events of it until SiteFound."""

    site: str


@dataclass(frozen=True, slots=True)
class SiteFound:
    """A site can be reached for the first time, or again after SiteLost or a restart of its agent.

    Whoever follows its state reads it afresh now: what happened before may not have been told.
    """

    site: str


Announcement = Event | Gap | SiteLost | SiteFound


@dataclass(frozen=True, slots=True)
class Plan:
    """What replication of a ticket would change at `site`.

    `token` names the plan for an apply, and is empty where there is nothing to apply; `content` is the plan itself, as
    the agent describes it.
    """

    site: str
    ticket: str
    token: str
    content: Mapping[str, Any] = field(hash=False)

    @property
    def text(self) -> str:
        """The plan in words, as `qmfconsole diff` prints it: a line for each thing, without control characters in it."""
        return "\n".join(safe(text) for _, text in plan_lines(self.content, self.site))

    @property
    def changes(self) -> list[Mapping[str, Any]]:
        """The changes, in the order they are made in; empty where there is nothing to do."""
        return list(self.content["changes"])

    @property
    def errors(self) -> list[Mapping[str, Any]]:
        """The problems that forbid an apply: maps of code, severity and message."""
        return [problem for problem in self.content["problems"] if problem["severity"] == "error"]

    def require_applicable(self) -> None:
        """Raise Refused, with the code of the first error as its reason, where a problem forbids an apply."""
        for error in self.errors:
            raise Refused(error["code"], f"ticket {self.ticket!r} can't be applied at {self.site}: {error['message']}")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A part of the CIB of `site` at `version`: `xml` is its elements, one after the other. Secrets are hidden in it."""

    site: str
    version: str
    xml: str


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did: `changes` were written (0 where there was nothing to do), the CIB of `site` is at `version`.

    `change` is its number in the site's journal, which a rollback goes by; 0 where nothing was written.
    """

    site: str
    ticket: str
    changes: int
    version: str
    change: int = 0
