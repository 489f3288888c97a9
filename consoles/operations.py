"""What a console does with replication: each operation is one call of a method of one site's agent, or a few.

Rules of this file: nothing is applied but by the token of a plan. Every operation raises as AsyncConsole.call does, besides
what it names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from consoles.permissions import Permissions
from consoles.values import Applied, Configuration, Plan
from qmfagent.errors import RemoteError
from qmfagent.qmf.opcodes import ErrorCode


class Operations(ABC):
    """The operations; `call` is what they stand on."""

    @abstractmethod
    async def call(self, site: str, object_name: str, method: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a method of an object at a site; its output arguments."""

    async def plan(self, site: str, ticket: str, adopt: bool = False) -> Plan:
        """What replication of a ticket from its holder would change at `site`. Changes nothing.

        `adopt` takes over local elements that depend on the ticket already.
        """
        return self._plan(site, await self._site(site, "plan", ticket=ticket, adopt=adopt))

    async def plan_rollback(self, site: str, change: int) -> Plan:
        """What it takes to bring back what was delivered to `site` for a ticket to how it was before that change."""
        return self._plan(site, await self._site(site, "plan_rollback", change=change))

    async def plan_heal(self, site: str, ticket: str) -> Plan:
        """What it takes to undo local edits at `site` of what was delivered there for a ticket."""
        return self._plan(site, await self._site(site, "plan_heal", ticket=ticket))

    async def apply(self, site: str, token: str) -> Applied:
        """Carry out exactly the plan of that token."""
        answer = await self._site(site, "apply", token=token)
        return Applied(site, answer["ticket"], answer["changes"], answer["version"], answer["change"])

    async def replicate(self, ticket: str, to: str, adopt: bool = False) -> Applied:
        """Plan and apply at once. Raises Refused for a plan with errors."""
        plan = await self.plan(to, ticket, adopt)
        plan.require_applicable()
        if not plan.token:
            return Applied(to, ticket, 0, plan.content["base"]["version"])
        return await self.apply(to, plan.token)

    async def replicate_now(self, holder: str, ticket: str, to: str) -> Applied:
        """Have the holder of a ticket replicate it to another site: its agent asks the one there to plan and apply."""
        answer = await self.call(holder, f"Replica:{ticket}:{to}", "replicate_now")
        return Applied(to, ticket, answer["changes"], answer["version"], answer["change"])

    async def discard(self, site: str, token: str) -> None:
        """Have a site hold the plan of that token no more."""
        await self.call(site, f"Plan:{token}", "discard")

    async def configuration(self, site: str, path: str = "") -> Configuration:
        """The configuration of a site, or what is at a path in its CIB, such as `configuration/resources`."""
        answer = await self._site(site, "query", path=path)
        return Configuration(site, answer["version"], answer["xml"])

    async def history(self, site: str, ticket: str = "", limit: int = 50, before: int = 0) -> list[Mapping[str, Any]]:
        """What has happened to a ticket at a site, or to all of them, newest first, at most `limit` of it; with `before`, of
        what has a lower number.

        Maps of `number`, `name` (of the event), `time` (nanoseconds since the epoch), `ticket`, and what else it tells.
        """
        # An agent of an earlier version does not know the argument.
        page = {"before": before} if before else {}
        return list((await self._site(site, "history", ticket=ticket, limit=limit, **page))["changes"])

    async def change(self, site: str, number: int) -> Mapping[str, Any]:
        """One record of a site's history: as above, and `diff`, what it changed, in the form of the changes of a plan;
        `kept` is false where what it was made from is not there any more."""
        record: Mapping[str, Any] = (await self._site(site, "change", change=number))["record"]
        return record

    async def drill(self, site: str, ticket: str) -> Mapping[str, Any]:
        """What would run at a site, and what would not and why, if it were granted a ticket: as Site.drill describes it.
        Changes nothing."""
        result: Mapping[str, Any] = (await self._site(site, "drill", ticket=ticket))["result"]
        return result

    async def explain(self, site: str, identifier: str) -> list[Mapping[str, str]]:
        """Which step gave each value of the element of that id at a site: maps of field, value, step and detail."""
        return list((await self._site(site, "explain", id=identifier))["steps"])

    async def permissions(self, site: str) -> Permissions:
        """What this console may call at a site."""
        try:
            return Permissions.read(site, await self._site(site, "permissions"))
        except RemoteError as error:
            if error.code != ErrorCode.UNKNOWN_METHOD:
                raise
            return Permissions(site)

    async def verify_journal(self, site: str) -> Mapping[str, Any]:
        """Have a site verify its journal, also against what the other sites have seen of it; what was found."""
        return await self._site(site, "verify_journal")

    async def _site(self, site: str, method: str, **arguments: Any) -> dict[str, Any]:
        return await self.call(site, f"Site:{site}", method, **arguments)

    def _plan(self, site: str, answer: dict[str, Any]) -> Plan:
        return Plan(site, answer["plan"]["ticket"], answer["token"], answer["plan"])
