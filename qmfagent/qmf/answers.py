"""The messages that an agent answers requests with.

Rules of this file: an answer goes to the request's reply-to, with its correlation id copied as it is; an absent one stays
absent. Every answer names the agent.
Source: qpid-cpp src/qmf/AgentSession.cpp (flushResponses, raiseException), ManagementAgent.cpp (sendException).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from qmfagent.errors import CodecError, ProtocolError, QmfAgentError, Refused, SchemaError, UnknownObject
from qmfagent.qmf import opcodes
from qmfagent.qmf.codec import UInt32
from qmfagent.qmf.message import INDICATION, RESPONSE, Address, Message
from qmfagent.qmf.opcodes import ErrorCode

T = TypeVar("T")


class Answers:
    """Makes the answers of the agent of that name."""

    def __init__(self, agent: str) -> None:
        self._agent = agent

    def located(self, to: Address, correlation_id: str | None, values: dict[str, Any]) -> Message:
        """The answer to a locate: the agent's attributes."""
        body = {"_values": values}
        return Message(
            to, opcodes.AGENT_LOCATE_RESPONSE, INDICATION, body, agent=self._agent, correlation_id=correlation_id
        )

    def found(
        self, to: Address, correlation_id: str | None, content: str, items: list[dict[str, Any]], size: int
    ) -> list[Message]:
        """The answer to a query, at most `size` items in a message; all but the last are marked as partial."""
        parts = list(chunks(items, size)) or [[]]
        return [
            Message(
                to,
                opcodes.QUERY_RESPONSE,
                RESPONSE,
                part,
                content,
                self._agent,
                correlation_id,
                partial=number < len(parts),
            )
            for number, part in enumerate(parts, 1)
        ]

    def response(self, opcode: str, to: Address, correlation_id: str | None, body: dict[str, Any]) -> Message:
        """An answer of one map."""
        return Message(to, opcode, RESPONSE, body, agent=self._agent, correlation_id=correlation_id)

    def refusal(self, to: Address, correlation_id: str | None, error: QmfAgentError) -> Message:
        """The exception that an error is told as."""
        reason = error.reason if isinstance(error, Refused) else ""
        return self.exception(to, correlation_id, code_of(error), str(error), reason)

    def exception(
        self, to: Address, correlation_id: str | None, code: ErrorCode, text: str, reason: str = ""
    ) -> Message:
        """An exception; `reason` is the name of a refusal, where it is one."""
        values: dict[str, Any] = {"error_text": text, "error_code": UInt32(code)}
        if reason:
            values["reason"] = reason
        return Message(
            to,
            opcodes.EXCEPTION,
            RESPONSE,
            {"_values": values},
            opcodes.CONTENT_DATA,
            self._agent,
            correlation_id,
        )


def code_of(error: QmfAgentError) -> ErrorCode:
    """The error code that stands for an error."""
    if isinstance(error, UnknownObject):
        return ErrorCode.UNKNOWN_OBJECT
    if isinstance(error, (ProtocolError, SchemaError, CodecError)):
        return ErrorCode.INVALID_PARAMETER
    return ErrorCode.EXCEPTION


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut a sequence into lists of at most `size`, reading no further than has been asked for."""
    remaining = iter(items)
    while part := list(islice(remaining, size)):
        yield part
