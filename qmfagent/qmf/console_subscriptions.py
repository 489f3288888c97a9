"""The console's side of subscriptions: which ones agents have confirmed, and until when each lives.

Rules of this file: a subscription is known by the correlation id of the request that made it, which comes with everything
it tells. It ends exactly once: cancelled, refused, not refreshed in time, or with its agent. Times are seconds of the
console's own clock. What agents can make a console remember is nothing beyond what it has asked for.
Source: the Java QMF2 console (console/Console.java, console/SubscriptionManager.java).
"""

from __future__ import annotations

from dataclasses import dataclass

from qmfagent.errors import UnknownObject
from qmfagent.qmf.console_events import Subscribed, SubscriptionEnded


@dataclass(slots=True)
class _Known:
    """A subscription that its agent has confirmed: the id it gave it, and when it ends unless it is refreshed."""

    agent: str
    id: str
    expires: float


class ConsoleSubscriptions:
    """All subscriptions of one console, by the correlation ids of their requests."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def confirm(self, answer: Subscribed, agent: str, now: float) -> None:
        """Take an agent's answer to a request that began a subscription, or refreshed it."""
        # One that has been cancelled meanwhile does not come back with the answer to a refresh.
        if answer.cid == answer.subscription or answer.subscription in self._known:
            self._known[answer.subscription] = _Known(agent, answer.identifier, now + answer.lifetime)

    def find(self, subscription: str) -> tuple[str, str]:
        """The agent of a subscription, and the id that it gave it. Raises UnknownObject where it has ended."""
        known = self._known.get(subscription)
        if known is None:
            raise UnknownObject(f"there is no subscription {subscription!r}", hint="it has ended; subscribe again")
        return known.agent, known.id

    def is_of(self, subscription: str, agent: str) -> bool:
        """Whether there is such a subscription with this agent."""
        return subscription in self._known and self._known[subscription].agent == agent

    def end(self, subscription: str, reason: str) -> list[SubscriptionEnded]:
        """End one subscription; nothing happens where it has ended already."""
        known = self._known.pop(subscription, None)
        return [] if known is None else [SubscriptionEnded(subscription, known.agent, reason)]

    def end_all(self, agent: str, reason: str) -> list[SubscriptionEnded]:
        """End the subscriptions with an agent."""
        mine = [subscription for subscription, known in self._known.items() if known.agent == agent]
        return [event for subscription in mine for event in self.end(subscription, reason)]

    def expire(self, now: float) -> list[SubscriptionEnded]:
        """End the subscriptions that have not been refreshed in time."""
        over = [subscription for subscription, known in self._known.items() if known.expires <= now]
        return [event for subscription in over for event in self.end(subscription, "it was not refreshed in time")]
