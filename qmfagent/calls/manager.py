"""AMQP Management requests on their way: answered at once, or carried out as method calls and then answered.

Rules of this file: every request gets one response, whatever happens to it. What changes something goes through Calls, as what
QMF asks for does: the same rules of access, the same audit, the same limits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qmfagent.calls.calls import Calls
from qmfagent.errors import CodecError, ManagementError, QmfAgentError, Refused
from qmfagent.management.changes import Work
from qmfagent.management.message import Request, Response, Status
from qmfagent.management.node import ManagementNode
from qmfagent.management.verbs import Creation, Verbs
from qmfagent.qmf.fields import shown
from qmfagent.qmf.queries import ObjectSource
from qmfagent.qmf.schema import Schema
from qmfagent.replication.reasons import INTERNAL, INTERRUPTED, reason_of

_FAULT = "a fault of the agent's own, see its log"
_INTERRUPTION = "the agent has stopped; this may have been carried out all the same: look before you repeat it"
_TOO_LARGE = (
    f"{Status.INTERNAL_ERROR.phrase}: what was asked for was done, but the answer does not fit into one message;"
    " ask for fewer attributes, or page by page with offset and count"
)

_log = logging.getLogger(__name__)


def _why_no_plan(results: Mapping[str, Any]) -> QmfAgentError:
    """Why Site.plan made nothing that could be applied."""
    problems = [problem for problem in results["plan"]["problems"] if problem["severity"] == "error"]
    if problems:
        return Refused(problems[0]["code"], "; ".join(problem["message"] for problem in problems))
    ticket = results["plan"]["ticket"]
    return ManagementError(Status.CONFLICT, f"there is nothing to do for ticket {ticket!r}: this site has it all")


VERBS = Verbs(
    updates={
        ("Ticket", "granted"): {True: "grant", False: "revoke"},
        ("Ticket", "standby"): {True: "standby", False: "activate"},
    },
    creations={"Plan": Creation("Site", "plan", "token", _why_no_plan)},
    deletions={"Plan": "discard"},
)
"""What can be changed in AMQP Management's own way, besides by the methods."""


class Manager:
    """Answers the requests to one management node."""

    def __init__(
        self,
        schema: Schema,
        view: Callable[[str], ObjectSource],
        nodes: Callable[[], Sequence[str]],
        calls: Calls,
        respond: Callable[[Response], None],
    ) -> None:
        """`view` gives the objects that a user may see, `nodes` the addresses of the known management nodes, this first.

        `respond` sends a response; it raises QmfAgentError where that can't be done.
        """
        self._node = ManagementNode(schema, view, VERBS, nodes)
        self._calls = calls
        self._respond = respond
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, request: Request) -> None:
        """Answer a request, now or when what it asks for is done."""
        outcome = self._node.receive(request)
        if isinstance(outcome, Response):
            self._send(outcome)
            return
        task = asyncio.get_running_loop().create_task(self._carry_out(outcome))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def refuse(self, request: Request, refusal: Refused) -> None:
        """Answer a request that is not even looked at."""
        self._send(self._node.failure(request, refusal, refusal.reason))

    async def stop(self) -> None:
        """Interrupt what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry_out(self, work: Work) -> None:
        results: list[Mapping[str, Any]] = []
        response = self._failure(work, results, Refused(INTERRUPTED, _INTERRUPTION))
        try:
            for call in work.calls:
                results.append(await self._calls.perform(call))
                response = self._failure(work, results, Refused(INTERRUPTED, _INTERRUPTION))
            response = work.finish(results)
        except QmfAgentError as error:
            response = self._failure(work, results, error)
        except Exception:
            _log.exception("the management operation %s failed", shown(work.request.properties["operation"]))
            response = self._failure(work, results, Refused(INTERNAL, _FAULT))
        finally:
            self._send(response)

    def _send(self, response: Response) -> None:
        try:
            self._respond(response)
        except CodecError:
            self._send(Response(response.to, response.correlation_id, Status.INTERNAL_ERROR, _TOO_LARGE))
        except QmfAgentError as error:
            _log.info("a management response to %s could not be sent: %s", shown(response.to), error)

    def _failure(self, work: Work, results: list[Mapping[str, Any]], error: QmfAgentError) -> Response:
        under_way = len(results) < len(work.calls)
        done = [call.method for call in work.calls[: len(results)]] if under_way else []
        return self._node.failure(work.request, error, reason_of(error), done)
