"""Method calls on their way: allowed or not, carried out, answered, audited.

Rules of this file: every call gets one answer, whatever happens to it, and every call that could write one line in the
audit; the number of calls under way is bounded. A caller that has gone meanwhile costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from qmfagent.audit import DONE, audit
from qmfagent.errors import QmfAgentError, Refused, SchemaError
from qmfagent.policy.access import Access, writes
from qmfagent.qmf.agent import Agent, MethodCall
from qmfagent.qmf.message import Message
from qmfagent.qmf.opcodes import ErrorCode
from qmfagent.replication.reasons import INTERNAL, INTERRUPTED, reason_of

MAX_CALLS = 64

_FAULT = "a fault of the agent's own, see its log"
_INTERRUPTION = "the agent has stopped; the call may have been carried out all the same: look before you repeat it"

_log = logging.getLogger(__name__)


class Calls:
    """The method calls that are under way."""

    def __init__(
        self,
        agent: Agent,
        access: Access,
        run: Callable[[MethodCall], Awaitable[Mapping[str, Any]]],
        send: Callable[[Message], None],
    ) -> None:
        """`run` carries out an allowed call and gives its out arguments, `send` sends an answer; it must not raise."""
        self._agent = agent
        self._access = access
        self._run = run
        self._send = send
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, call: MethodCall) -> None:
        """Carry out a call in the background."""
        try:
            self._access.check(call.identity, call.class_name, call.method)
            if len(self._tasks) >= MAX_CALLS:
                raise Refused("busy", f"{len(self._tasks)} calls are under way already", hint="try again later")
        except Refused as refusal:
            self._finish(call, self._failure(call, refusal), refusal.reason)
            return
        task = asyncio.get_running_loop().create_task(self._carry_out(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Interrupt what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry_out(self, call: MethodCall) -> None:
        answer, result = self._agent.fail(call, ErrorCode.EXCEPTION, _INTERRUPTION, INTERRUPTED), INTERRUPTED
        try:
            answer, result = self._success(call, await self._run(call)), DONE
        except QmfAgentError as error:
            answer, result = self._failure(call, error), reason_of(error)
        except Exception:
            _log.exception("%s.%s of %s failed", call.class_name, call.method, call.object_id.object_name)
            answer, result = self._agent.fail(call, ErrorCode.EXCEPTION, _FAULT, INTERNAL), INTERNAL
        finally:
            self._finish(call, answer, result)

    def _success(self, call: MethodCall, results: Mapping[str, Any]) -> Message:
        try:
            return self._agent.succeed(call, results)
        except SchemaError:
            _log.exception("%s.%s was carried out, but what it gives is wrong", call.class_name, call.method)
            return self._agent.fail(call, ErrorCode.EXCEPTION, f"it was carried out, but then: {_FAULT}", INTERNAL)

    def _finish(self, call: MethodCall, answer: Message, result: str) -> None:
        if writes(call.class_name, call.method):
            audit(call.identity, f"{call.class_name}.{call.method}", call.object_id.object_name, call.arguments, result)
        self._send(answer)

    def _failure(self, call: MethodCall, error: QmfAgentError) -> Message:
        reason = reason_of(error)
        code = ErrorCode.FORBIDDEN if reason == "forbidden" else ErrorCode.EXCEPTION
        return self._agent.fail(call, code, str(error), reason)
