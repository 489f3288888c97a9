"""The name of a refusal in an error that an agent has answered, as docs/reference/reasons.md lists them."""

from __future__ import annotations

from qmfagent.errors import QmfAgentError, Refused, RemoteError
from qmfagent.qmf.opcodes import ErrorCode


def reason_of(error: QmfAgentError) -> str:
    """The name of the refusal, empty where the error is none."""
    if isinstance(error, RemoteError) and error.code == ErrorCode.FORBIDDEN:
        return error.reason or "forbidden"
    return error.reason if isinstance(error, Refused | RemoteError) else ""
