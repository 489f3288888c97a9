"""How an action of a resource agent ends.

Source: OCF resource agent API 1.1, "Exit status codes"; Pacemaker Administration, "OCF return codes" (what each code makes the
cluster do).
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """The exit codes, under their standard names without `OCF_`."""

    SUCCESS = 0
    ERR_GENERIC = 1
    ERR_ARGS = 2
    ERR_UNIMPLEMENTED = 3
    ERR_PERM = 4
    ERR_INSTALLED = 5
    ERR_CONFIGURED = 6
    NOT_RUNNING = 7
    RUNNING_PROMOTED = 8
