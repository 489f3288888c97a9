"""Whether the agent looks at a request of one connection at all.

Rules of this file: a request that is too large, or one too many, is refused with a reason before its body is read. The answers
that say so are limited too: whoever goes on in spite of them has his messages rejected, which AMQP does without an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.limits.token_bucket import TokenBucket
from qmfagent.errors import Refused

ANSWERS_PER_SECOND = 100


class Admission:
    """What one connection has asked for lately."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._requests = TokenBucket(limits.requests_per_second, clock())
        self._answers = TokenBucket(ANSWERS_PER_SECOND, clock())

    def check(self, size: int) -> None:
        """Count a request of `size` bytes. Raises Refused (rate-limit, too-large)."""
        if not self._requests.take(self._clock()):
            raise Refused(
                "rate-limit",
                f"{self._limits.requests_per_second} requests a second are allowed on one connection",
                hint="ask less often: subscribe to events instead of polling",
            )
        if size > self._limits.request_bytes:
            raise Refused(
                "too-large",
                f"a request of {size} bytes: {self._limits.request_bytes} bytes are allowed",
                hint="ask for less at once, or raise request_bytes under [limits] in the configuration of the agent there",
            )

    def may_answer(self) -> bool:
        """Whether a refusal is to be answered; if not, the message is to be rejected."""
        return self._answers.take(self._clock())
