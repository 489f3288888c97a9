"""A guard between proton and Cyrus SASL.

Rules of this file: a peer begins one log-in, and answers afterwards, or its log-in fails here. proton does not see to that,
and Cyrus relies on it: an answer to nothing is one frame of a peer who has not even logged in, and ends the process by way of
a null pointer; every further beginning costs memory for good. None of it can be found in the bytes of the connection, which
TLS may have encrypted, so proton's interface for SASL implementations is used. All else is left to Cyrus, as before.
Source: proton's c/include/proton/sasl_plugin.h; AMQP 1.0 part 5.3.2 (SASL negotiation).
"""

from __future__ import annotations

import ctypes
from functools import cache

import cproton_ffi

_MEMBERS = (
    "free",
    "list_mechanisms",
    "init_server",
    "init_client",
    "prepare_write",
    "process_init",
    "process_response",
    "process_mechanisms",
    "process_challenge",
    "process_outcome",
    "can_encrypt",
    "max_encrypt_size",
    "encode",
    "decode",
)
_POSTED_OUTCOME = 7
"""The state of proton's SASL layer in which a server has said how the log-in ended."""

_Start = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p)
_Init = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_Response = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
"""What a server takes of a transport: its start, a sasl-init (mechanism and initial response), a sasl-response."""


class _Implementation(ctypes.Structure):
    """What a SASL implementation is to proton."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in _MEMBERS)


class _Guard:
    """Cyrus SASL with the order of frames checked."""

    def __init__(self, proton: ctypes.CDLL, cyrus: _Implementation) -> None:
        self._proton = proton
        self._begun: set[int] = set()
        self._start = _Start(cyrus.init_server)
        self._init = _Init(cyrus.process_init)
        self._response = _Response(cyrus.process_response)
        self._ours = {
            "init_server": _Start(self.start),
            "process_init": _Init(self.init),
            "process_response": _Response(self.response),
        }
        self.implementation = _Implementation.from_buffer_copy(cyrus)
        for name, function in self._ours.items():
            setattr(self.implementation, name, ctypes.cast(function, ctypes.c_void_p).value)

    def start(self, transport: int) -> bool:
        """A connection begins, perhaps where another one was in memory."""
        self._begun.discard(transport)
        return bool(self._start(transport))

    def init(self, transport: int, mechanism: int, received: int) -> None:
        """A peer begins to log in."""
        if transport in self._begun:
            self._fail(transport)
        else:
            self._begun.add(transport)
            self._init(transport, mechanism, received)

    def response(self, transport: int, received: int) -> None:
        """A peer answers."""
        if transport in self._begun:
            self._response(transport, received)
        else:
            self._fail(transport)

    def _fail(self, transport: int) -> None:
        at = ctypes.c_void_p(transport)
        self._proton.pnx_sasl_set_failed(at)
        self._proton.pnx_sasl_set_desired_state(at, _POSTED_OUTCOME)


@cache
def guard_sasl() -> _Guard | None:
    """Put the guard in front of Cyrus SASL, for every connection that is made from now on in this process.

    None where proton was built without Cyrus SASL.
    """
    proton = ctypes.CDLL(cproton_ffi.__file__)
    cyrus = ctypes.POINTER(_Implementation).in_dll(proton, "cyrus_sasl_impl")
    if not cyrus:
        return None
    guard = _Guard(proton, cyrus.contents)
    # Connections are freed by way of it even when the interpreter has ended.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(guard))
    proton.pnx_sasl_set_default_implementation(ctypes.byref(guard.implementation))
    return guard
