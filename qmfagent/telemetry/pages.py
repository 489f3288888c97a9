"""What is answered over HTTP: /metrics, /livez and /readyz.

Rules of this file: facts are read on the event loop, and made into text in another thread. Who comes by way of TLS sees what a
console of his would: who may not read all objects sees nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from qmfagent.policy.access import Access, lines_for
from qmfagent.policy.roles import Role
from qmfagent.telemetry.facts import Facts
from qmfagent.telemetry.families import FactsCollector
from qmfagent.telemetry.server import Request, Response


class Pages:
    """The pages of one agent."""

    def __init__(
        self,
        access: Access,
        read: Callable[[], Facts],
        problem: Callable[[], str],
        counted: CollectorRegistry,
    ) -> None:
        """`read` gives the facts, `problem` why the agent can't do its work, in words, empty where it can; `counted` has the
        metrics that no fact tells."""
        self._access = access
        self._read = read
        self._problem = problem
        self._counted = counted

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        if request.user is not None and not self._may_read(request.user):
            hint = lines_for(request.user, Role.VIEWER)
            text = f"{request.user} may not read all of this agent's objects; add to its configuration: {hint}"
            return Response.text(HTTPStatus.FORBIDDEN, text)
        if request.path == "/metrics":
            return await asyncio.to_thread(self._metrics, self._read(), request.accept)
        if request.path == "/livez":
            return Response.text(HTTPStatus.OK, "ok")
        if request.path == "/readyz":
            problem = self._problem()
            status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
            return Response.text(status, problem or "ok")
        return Response.text(HTTPStatus.NOT_FOUND, "there are /metrics, /livez and /readyz here")

    def _may_read(self, user: str) -> bool:
        return self._access.admits(user) and self._access.view(user) is None

    def _metrics(self, facts: Facts, accept: str) -> Response:
        registry = CollectorRegistry()
        registry.register(FactsCollector(facts))
        encode, content_type = choose_encoder(accept)
        registry.register(self._counted)
        return Response(HTTPStatus.OK, encode(registry), content_type)
