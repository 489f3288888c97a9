"""One signed-on connection to the CIB daemon, in a thread of its own, with an asyncio face.

Who runs where: the thread owns every object of libcib and iterates glib's default main context, of which a process has
one, so a process can have one connection. Coroutines post functions to the thread and wait for their results. What the
daemon sends is copied to bytes in the thread and put into the inbox; nothing is parsed there, since Pacemaker evicts a
client that does not drain its queue (cluster property cluster-ipc-limit). The event loop is woken for what may not wait.
What costs the most is to be woken at all; so after something that may wait the thread rests for PAUSE seconds, and hears the
next ones together. That is how much later than at once it may hear of something that follows and may not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from qmfagent.cib.transient import may_wait
from qmfagent.errors import ClusterError, Disconnected
from qmfagent.pacemaker.inbox import Inbox
from qmfagent.pacemaker.libcib import LOST_FUNCTION, NOTIFY_FUNCTION, REPLY_FUNCTION, Libcib

_LOG = logging.getLogger(__name__)
_EVENT = b"cib_diff_notify"
_REPLY_SECONDS = 60
PAUSE = 0.05
_GONE = frozenset({-errno.ENOTCONN, -errno.ECOMM, -errno.EPIPE, -errno.ECONNRESET})

_main_context = threading.Lock()


class CibConnection:
    """A connection that is signed on and lost any number of times between `start()` and `stop()`."""

    def __init__(
        self, library: Libcib, client: str, on_notify: Callable[[], None], on_lost: Callable[[], None]
    ) -> None:
        """`client` names us in what we write (update-client). The two callbacks run in the event loop.

        `on_notify` tells that something is in the `inbox` that may not wait, `on_lost` that the daemon left.
        """
        self.inbox = Inbox()
        self._library = library
        self._client = client
        self._on_notify = on_notify
        self._on_lost = on_lost
        self._requests: queue.SimpleQueue[tuple[Callable[[Future[Any]], None], Future[Any]]] = queue.SimpleQueue()
        self._replies: dict[int, Future[int]] = {}
        self._cib = 0
        self._stopping = False
        self._may_rest = False
        self._thread = threading.Thread(target=self._run, name="libcib", daemon=True)
        # C keeps the addresses of these three: they must live as long as the connection.
        self._notify_function = NOTIFY_FUNCTION(self._notified)
        self._lost_function = LOST_FUNCTION(self._lost)
        self._reply_function = REPLY_FUNCTION(self._replied)

    def start(self) -> None:
        """Start the thread. Call it in the event loop. Raises ClusterError where the process has a connection already."""
        if not _main_context.acquire(blocking=False):
            raise ClusterError("this process has a libcib connection already", hint="one process speaks for one node")
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Sign off and end the thread."""
        self._stopping = True
        self._library.wake()
        await asyncio.to_thread(self._thread.join)

    async def signon(self) -> None:
        """Sign on and ask for notifications; no change after this one stays unseen. Raises Disconnected."""
        await self._post(self._do_signon)

    async def query(self) -> bytes:
        """The whole CIB as an XML document. Raises Disconnected or ClusterError."""
        return bytes(await self._post(self._do_query))

    async def patch(self, patchset: bytes) -> int:
        """Have a patchset applied: 0, or a negative error number of Pacemaker's. Raises Disconnected."""
        code = int(await self._post(lambda future: self._do_patch(patchset, future)))
        if code in _GONE:
            raise Disconnected(f"the CIB daemon did not take the patch: {self._library.words(code)}")
        return code

    def words(self, code: int) -> str:
        """What Pacemaker says for a negative error number."""
        return self._library.words(code)

    def _post(self, request: Callable[[Future[Any]], None]) -> asyncio.Future[Any]:
        future: Future[Any] = Future()
        if self._stopping or not self._thread.is_alive():
            raise Disconnected("the connection to the CIB daemon is closed")
        self._requests.put((request, future))
        self._library.wake()
        return asyncio.wrap_future(future)

    # From here on: the thread.

    def _run(self) -> None:
        try:
            while not self._stopping:
                if not self._library.iterate(wait=not self._may_rest) and self._may_rest:
                    self._may_rest = False
                    self._rest()
                self._serve()
            self._close()
            self._serve()
        finally:
            _main_context.release()

    def _rest(self) -> None:
        """Hear nothing for PAUSE seconds, or until something is posted."""
        with contextlib.suppress(queue.Empty):
            self._carry_out(*self._requests.get(timeout=PAUSE))

    def _serve(self) -> None:
        while not self._requests.empty():
            self._carry_out(*self._requests.get_nowait())

    def _carry_out(self, request: Callable[[Future[Any]], None], future: Future[Any]) -> None:
        if future.set_running_or_notify_cancel():
            try:
                request(future)
            except Exception as error:
                future.set_exception(error)

    def _connected(self) -> int:
        if not self._cib:
            raise Disconnected("not connected to the CIB daemon", hint="see whether pacemakerd runs")
        return self._cib

    def _do_signon(self, future: Future[None]) -> None:
        if self._stopping:
            raise Disconnected("the connection to the CIB daemon is closed")
        self._close()
        cib = self._library.new()
        code = self._library.signon(cib, self._client)
        if code < 0:
            self._library.close(cib)
            raise Disconnected(f"can't sign on to the CIB daemon: {self._library.words(code)}")
        self._cib = cib
        self._library.on_lost(cib, self._lost_function)
        self._library.on_change(cib, _EVENT, self._notify_function)
        future.set_result(None)

    def _do_query(self, future: Future[bytes]) -> None:
        code, document = self._library.query(self._connected())
        if code in _GONE:
            raise Disconnected(f"the CIB daemon does not answer: {self._library.words(code)}")
        if code < 0 or not document:
            raise ClusterError(f"the CIB can't be read: {self._library.words(code)}")
        future.set_result(document)

    def _do_patch(self, patchset: bytes, future: Future[int]) -> None:
        call = self._library.send_patch(self._connected(), patchset)
        if call < 0:
            future.set_result(call)
            return
        self._replies[call] = future
        self._library.on_reply(self._cib, call, _REPLY_SECONDS, self._reply_function)

    def _notified(self, event: bytes, message: int) -> None:
        # This is what an agent costs whose cluster is at rest: a line more is to be seen in the bench (idle).
        update = may_wait(self._library.patchset(message))
        if update:
            self.inbox.hold(update)
            self._may_rest = True
            return
        self._may_rest = False
        if self.inbox.put(self._library.text(message)):
            self._hand_over(self._on_notify)

    def _replied(self, message: int, call: int, code: int, output: int, data: int) -> None:
        future = self._replies.pop(call, None)
        if future:
            future.set_result(code)

    def _lost(self, data: int) -> None:
        self._library.on_lost(self._cib, None)
        self._hand_over(self._on_lost)
        # libcib is still using the connection while it calls us: it is freed at the next sign-on, or at the end.
        self._fail_replies()

    def _close(self) -> None:
        if self._cib:
            self._library.on_lost(self._cib, None)
            self._library.close(self._cib)
            self._cib = 0
        self._fail_replies()

    def _fail_replies(self) -> None:
        while self._replies:
            _, future = self._replies.popitem()
            future.set_exception(Disconnected("the CIB daemon went away before it answered"))

    def _hand_over(self, callback: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            _LOG.debug("the event loop has ended; a message of the CIB daemon is dropped")
