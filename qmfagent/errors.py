"""Every exception that qmfagent raises on purpose, in one tree.

    QmfAgentError
    |-- InputError              what was given to us is wrong; nothing was changed
    |   |-- CibError            a CIB document: malformed, hostile, too large, not as Pacemaker's
    |   |-- PatchError          a patchset that does not fit the document it is meant for
    |   |-- UnknownTicket       no rsc_ticket constraint names the ticket
    |   |-- UnknownObject       no such QMF object, CIB id, site, plan or resource agent
    |   |-- SiteFileError       a site file (overrides): names file, line and key
    |   |-- TransformError      an XSLT step: unreadable, forbidden, too slow, or wrong in its result
    |   |-- ConfigError         the agent's own configuration file
    |   |-- CodecError          bytes that are no AMQP 0-10 map or list
    |   |-- ProtocolError       a QMF message that breaks the protocol
    |   |-- SchemaError         unknown class, method or argument, or a value of the wrong type
    |   `-- ManagementError     an AMQP Management request for what is not possible (`.status`)
    |-- Refused                 understood, and declined for a reason with a name (`.reason`)
    |-- ClusterError            Pacemaker did not do as asked
    |   |-- Disconnected        the cluster (or its CIB daemon) is not there now
    |   |-- ConfigurationChanged the precondition of a write no longer holds: plan again
    |   `-- WriteRejected       Pacemaker refused the new configuration (schema, ACL)
    |-- ResourceAgentError      an action of a resource agent that can't be carried out (`.code`)
    |-- JournalError            the journal: damaged, in use by another agent, or its disk is full
    `-- BusError                the message bus
        |-- ConnectionLost      the peer is gone, or was never there
        |-- RequestTimeout      no answer in time
        `-- RemoteError         the remote agent answered with an exception (`.code`, `.text`)

A message says what is wrong and where (site, id, line); `hint` says what to do next. Both are for people;
programs read the class and, on Refused and RemoteError, the reason or code.
"""

from __future__ import annotations


class QmfAgentError(Exception):
    """Base of all errors raised on purpose. `str()` gives the message, then the hint after a semicolon."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class InputError(QmfAgentError):
    """What was given to us is wrong; nothing was changed."""


class CibError(InputError):
    """A CIB document that is malformed, hostile, too large, or not shaped as Pacemaker's."""


class PatchError(InputError):
    """A patchset that does not fit the document it is meant for."""


class UnknownTicket(InputError):
    """No rsc_ticket constraint names the ticket."""


class UnknownObject(InputError):
    """No such QMF object, CIB id, site, plan or resource agent."""


class SiteFileError(InputError):
    """A site file that can't be used. The message names the file, the line and the key."""


class TransformError(InputError):
    """An XSLT step that can't be loaded, does what is forbidden, takes too long, or leaves no valid closure."""


class ConfigError(InputError):
    """The agent's configuration file can't be used. The message names the file and the key."""


class CodecError(InputError):
    """Bytes that are no AMQP 0-10 map or list."""


class ProtocolError(InputError):
    """A QMF message that breaks the protocol."""


class SchemaError(InputError):
    """An unknown class, method or argument, or a value of the wrong type."""


class ManagementError(InputError):
    """An AMQP Management request for what is not possible. `status` is the status code that it is answered with."""

    def __init__(self, status: int, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Refused(QmfAgentError):
    """Understood, and declined. `reason` is one of the names listed in docs/reference/reasons.md."""

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class ClusterError(QmfAgentError):
    """Pacemaker did not do as asked."""


class Disconnected(ClusterError):
    """The cluster, or its CIB daemon, is not there now."""


class ConfigurationChanged(ClusterError):
    """The configuration is no longer the one that the write was computed from; nothing was written."""


class WriteRejected(ClusterError):
    """Pacemaker refused the new configuration; nothing was written."""


class ResourceAgentError(QmfAgentError):
    """An action of a resource agent that can't be carried out; `code` is its exit code, see qmfagent.ocf.codes."""

    def __init__(self, code: int, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class JournalError(QmfAgentError):
    """The journal can't be opened, read or written, or was tampered with. The message names the file or the entry."""


class BusError(QmfAgentError):
    """The message bus failed."""


class ConnectionLost(BusError):
    """The peer is gone, or was never there."""


class RequestTimeout(BusError):
    """No answer came in time."""


class RemoteError(BusError):
    """The remote agent answered a request with an exception.

    `code` is QMF's numeric error code (1 unknown object, 2 unknown method, 4 invalid parameter, 6 forbidden,
    7 other), `reason` the name of a refusal where it was one.
    """

    def __init__(self, text: str, *, code: int = 7, reason: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.reason = reason
