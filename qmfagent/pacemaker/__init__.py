"""The only home of Pacemaker: its CIB daemon (libcib), its command-line tools and its CIB files.

    store = open_live()            the cluster that this node belongs to: pushed by libcib, or polled with cibadmin
    store = FileCib(path)          a CIB in a file, with no cluster at all

All stores have one shape and pass one test suite (tests/contract): `source`, `connected`, `version`, `start()`, `stop()`,
`snapshot()`, `changes()`, `apply(patch, expected_config_digest)`, `ticket(name, action)` and `booth(ticket_state)`.

Rules of the room: nothing here imports replication or the bus; subprocess and ctypes are used nowhere else; every
command is a list of arguments, never a line for a shell; every wait has a bound.
"""

from __future__ import annotations
