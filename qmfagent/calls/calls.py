"""Method calls on their way: allowed or not, carried out, answered, audited.

Rules of this file: whichever protocol asks, a call comes through here. Every call gets one answer, whatever happens to it,
and every call that could write, or was forbidden, one line in the audit; the number of calls under way is bounded. A call that
is let in is a span of its caller's trace. A caller that has gone meanwhile costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from qmfagent.calls.audit import DONE, AuditLine, audit
from qmfagent.calls.targets import Targets
from qmfagent.errors import QmfAgentError, Refused, SchemaError
from qmfagent.policy.access import ANONYMOUS, Access
from qmfagent.policy.roles import writes
from qmfagent.policy.secrets import Secrets
from qmfagent.qmf.agent import Agent, MethodCall
from qmfagent.qmf.message import Message
from qmfagent.qmf.opcodes import ErrorCode
from qmfagent.replication.reasons import INTERNAL, INTERRUPTED, reason_of
from qmfagent.trace import Kind, current_trace, span, trace_of

MAX_CALLS = 64

_FAULT = "a fault of the agent's own, see its log"
_INTERRUPTION = "the agent has stopped; the call may have been carried out all the same: look before you repeat it"
# A token names a plan; it is of no use to who may not apply one.
_NO_SECRETS = frozenset({"token"})

_log = logging.getLogger(__name__)

Results = Mapping[str, Any]


class Calls:
    """The method calls that are under way."""

    def __init__(
        self,
        agent: Agent,
        access: Access,
        targets: Targets,
        secrets: Secrets,
        run: Callable[[MethodCall], Awaitable[Results]],
        send: Callable[[Message], None],
    ) -> None:
        """`targets` tells what a call concerns, `secrets` what of its arguments is none of the audit's business; `run` carries
        out an allowed call and gives its out arguments, `send` sends an answer; it must not raise."""
        self._agent = agent
        self._access = access
        self._targets = targets
        self._secrets = secrets
        self._run = run
        self._send = send
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = 0

    def take(self, call: MethodCall) -> None:
        """Carry out a call in the background, and answer it as QMF does."""
        try:
            self._accept(call)
        except Refused as refusal:
            self._send(self._failure(call, refusal))
            return
        task = asyncio.get_running_loop().create_task(self._answer(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def perform(self, call: MethodCall) -> Results:
        """Carry out a call for who answers it himself; its out arguments.

        Raises Refused where it is forbidden, and whatever QmfAgentError it ends in.
        """
        self._accept(call)
        return await self._carry_out(call)

    async def stop(self) -> None:
        """Interrupt what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, call: MethodCall) -> None:
        try:
            self._access.check(call.identity, self._targets.call(call), call.method)
            if self._under_way >= MAX_CALLS:
                raise Refused("busy", f"{self._under_way} calls are under way already", hint="try again later")
        except Refused as refusal:
            self._audit(call, self._targets.ticket(call), refusal.reason, trace_of(call.traceparent))
            raise
        self._under_way += 1

    async def _answer(self, call: MethodCall) -> None:
        answer = self._agent.fail(call, ErrorCode.EXCEPTION, _INTERRUPTION, INTERRUPTED)
        try:
            answer = self._success(call, await self._carry_out(call))
        except QmfAgentError as error:
            answer = self._failure(call, error)
        finally:
            self._send(answer)

    async def _carry_out(self, call: MethodCall) -> Results:
        # Now: once a plan is applied, nothing says any more which ticket it was for.
        ticket = self._targets.ticket(call)
        name = f"{call.class_name}.{call.method}"
        with span(name, call.traceparent, kind=Kind.SERVER, ticket=ticket or ""):
            return await self._carried_out(call, ticket)

    async def _carried_out(self, call: MethodCall, ticket: str | None) -> Results:
        result = INTERRUPTED
        try:
            results = await self._run(call)
            result = DONE
            return results
        except QmfAgentError as error:
            result = reason_of(error)
            raise
        except Exception:
            result = INTERNAL
            _log.exception("%s.%s of %s failed", call.class_name, call.method, call.object_id.object_name)
            raise Refused(INTERNAL, _FAULT) from None
        finally:
            self._under_way -= 1
            self._audit(call, ticket, result, current_trace())

    def _audit(self, call: MethodCall, ticket: str | None, result: str, trace: str) -> None:
        if not writes(call.class_name, call.method) and result != "forbidden":
            return
        audit(
            AuditLine(
                who=call.identity or ANONYMOUS,
                what=f"{call.class_name}.{call.method}",
                on=call.object_id.object_name,
                ticket=ticket,
                site=self._targets.site,
                arguments=self._secrets.without(call.arguments, _NO_SECRETS),
                result=result,
                trace=trace,
            )
        )

    def _success(self, call: MethodCall, results: Results) -> Message:
        try:
            return self._agent.succeed(call, results)
        except SchemaError:
            _log.exception("%s.%s was carried out, but what it gives is wrong", call.class_name, call.method)
            return self._agent.fail(call, ErrorCode.EXCEPTION, f"it was carried out, but then: {_FAULT}", INTERNAL)

    def _failure(self, call: MethodCall, error: QmfAgentError) -> Message:
        reason = reason_of(error)
        code = ErrorCode.FORBIDDEN if reason == "forbidden" else ErrorCode.EXCEPTION
        return self._agent.fail(call, code, str(error), reason)
