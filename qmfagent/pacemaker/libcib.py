"""ctypes binding of the few functions of libcib that a signed-on connection needs.

Rules of this file: it looks into no structure of Pacemaker's, so a changed layout can't hurt it; it uses exported
functions alone, and only of libraries that are listed in `_KNOWN` and have all of them. Everything else is refused by
name, and the caller polls with cibadmin instead. All functions must be called from one thread (connection.py).

Sources: Pacemaker 2.1.5, include/crm/cib/cib_types.h and internal.h, lib/cib/cib_native.c and cib_client.c.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_void_p
from typing import Any

from qmfagent.errors import ClusterError

# soname of libcib: soname of the libcrmcommon it must be linked with
_KNOWN = {"libcib.so.27": "libcrmcommon.so.34"}

NOTIFY_FUNCTION = CFUNCTYPE(None, c_char_p, c_void_p)
LOST_FUNCTION = CFUNCTYPE(None, c_void_p)
REPLY_FUNCTION = CFUNCTYPE(None, c_void_p, c_int, c_int, c_void_p, c_void_p)

_COMMAND = 0  # enum cib_conn_type: cib_command, read and write
_SCOPE_LOCAL = 0x0100  # enum cib_call_options
_SYNC_CALL = 0x1000

# Pacemaker's own error numbers, negated as its legacy return codes are (include/crm/common/results.h).
OLD_DATA = -205
DIFF_FAILED = -206
SCHEMA_VALIDATION = -203
ACCESS_DENIED = -errno.EACCES


class Libcib:
    """The loaded libraries. Every `cib` argument is the opaque pointer that `new` gave."""

    def __init__(self) -> None:
        """Load and check the libraries. Raises ClusterError "unknown libcib ..." with the reason."""
        self._cib, self._common = _load()
        self._glib = ctypes.CDLL("libglib-2.0.so.0")
        self._libc = ctypes.CDLL(None)
        self._declare()

    def _declare(self) -> None:
        def declare(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Any:
            try:
                function = getattr(library, name)
            except AttributeError:
                raise ClusterError(f"unknown libcib: {library._name} exports no {name}") from None
            function.restype, function.argtypes = result, arguments
            return function

        self.new: Callable[[], int] = declare(self._cib, "cib_native_new", c_void_p)
        self._signon = declare(self._cib, "cib_native_signon", c_int, c_void_p, c_char_p, c_int)
        self._signoff = declare(self._cib, "cib_native_signoff", c_int, c_void_p)
        self._delete = declare(self._cib, "cib_delete", None, c_void_p)
        self._add_notify = declare(
            self._cib, "cib_client_add_notify_callback", c_int, c_void_p, c_char_p, NOTIFY_FUNCTION
        )
        self._set_lost = declare(self._cib, "cib_native_set_connection_dnotify", c_int, c_void_p, c_void_p)
        self._internal_op = declare(
            self._cib, "cib_internal_op", c_int, c_void_p, c_char_p, c_char_p, c_char_p, c_void_p,
            POINTER(c_void_p), c_int, c_char_p,
        )  # fmt: skip
        self._register_callback = declare(
            self._cib, "cib_client_register_callback", c_int, c_void_p, c_int, c_int, c_int, c_void_p, c_char_p,
            REPLY_FUNCTION,
        )  # fmt: skip
        self._parse = declare(self._common, "string2xml", c_void_p, c_char_p)
        self._dump = declare(self._common, "dump_xml_unformatted", c_void_p, c_void_p)
        self._free_xml = declare(self._common, "free_xml", None, c_void_p)
        self._attribute = declare(self._common, "crm_element_value", c_char_p, c_void_p, c_char_p)
        self._part = declare(self._common, "get_message_xml", c_void_p, c_void_p, c_char_p)
        self._strerror = declare(self._common, "pcmk_strerror", c_char_p, c_int)
        self._iteration = declare(self._glib, "g_main_context_iteration", c_int, c_void_p, c_int)
        self._wakeup = declare(self._glib, "g_main_context_wakeup", None, c_void_p)
        self._free = declare(self._libc, "free", None, c_void_p)

    def signon(self, cib: int, client: str) -> int:
        """Connect to the CIB daemon as `client`; 0, or a negative error number."""
        return int(self._signon(cib, client.encode(), _COMMAND))

    def on_change(self, cib: int, event: bytes, callback: Any) -> None:
        """Have `callback` called for each change. `event` and `callback` must outlive the connection: C keeps both."""
        self._add_notify(cib, event, callback)

    def on_lost(self, cib: int, callback: Any) -> None:
        """Have `callback` called when the daemon goes away; None for no call."""
        self._set_lost(cib, ctypes.cast(callback, c_void_p) if callback else None)

    def close(self, cib: int) -> None:
        """Sign off and free the connection with everything that belongs to it."""
        # Freeing alone would leave the main loop's source behind where an operation found the daemon gone.
        self._signoff(cib)
        self._delete(cib)

    def query(self, cib: int) -> tuple[int, bytes]:
        """The whole CIB as this node has it: 0 and the document, or a negative error number and b""."""
        output = c_void_p()
        code = self._internal_op(cib, b"cib_query", None, None, None, byref(output), _SYNC_CALL | _SCOPE_LOCAL, None)
        try:
            return int(code), self.text(output.value) if code == 0 and output.value else b""
        finally:
            self._free_xml(output)

    def send_patch(self, cib: int, patchset: bytes) -> int:
        """Send a patchset, as `cibadmin --patch` does: the number of the call, or a negative error number.

        Asynchronous, so that notifications go on being read while another node, the DC, carries it out.
        """
        tree = self._parse(patchset)
        try:
            return int(self._internal_op(cib, b"cib_apply_diff", None, None, tree, None, 0, None))
        finally:
            self._free_xml(tree)

    def on_reply(self, cib: int, call: int, timeout: int, callback: Any) -> None:
        """Have `callback` called once with the result of `call`, after at most `timeout` seconds."""
        self._register_callback(cib, call, timeout, 0, None, b"qmfagent", callback)

    def text(self, node: int) -> bytes:
        """An XML node of Pacemaker's as bytes."""
        address = self._dump(node)
        text = c_char_p(address).value
        self._free(address)
        return text or b""

    def patchset(self, message: int) -> bytes:
        """The patchset of a notification as bytes; b"" where the operation was refused, or the notification has none."""
        if self._attribute(message, b"cib_rc") != b"0":
            return b""
        patchset = self._part(message, b"cib_update_result")
        return self.text(patchset) if patchset else b""

    def words(self, code: int) -> str:
        """What Pacemaker says for a negative error number."""
        return bytes(self._strerror(code)).decode(errors="replace")

    def iterate(self, *, wait: bool = True) -> bool:
        """Handle the next event of the main loop, and wait for it unless told otherwise; whether there was one."""
        return bool(self._iteration(None, wait))

    def wake(self) -> None:
        """Make `iterate` return. The one function that any thread may call."""
        self._wakeup(None)


def _load() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    for soname, common in _KNOWN.items():
        try:
            cib = ctypes.CDLL(soname, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        try:
            return cib, ctypes.CDLL(common, mode=ctypes.RTLD_GLOBAL | os.RTLD_NOLOAD)
        except OSError:
            raise ClusterError(f"unknown libcib: {soname} is not linked with {common}") from None
    raise ClusterError(f"unknown libcib: none of {', '.join(_KNOWN)} can be loaded")
