#!/usr/bin/env python3
"""List the tickets of all sites: who holds each, and where its replicas stand.

    QMFCONSOLE_URL=amqps://paris.example,amqps://lyon.example python3 list_tickets.py

Exit status: 0 listed, 1 no site could be asked.
"""

from __future__ import annotations

import sys

from consoles.client import QmfAgentError, TicketAt, from_environment


def main() -> int:
    """List them; the exit status."""
    try:
        with from_environment().console() as console:
            for ticket in console.tickets():
                print(f"{ticket.name}: held by {' and '.join(ticket.holders) or 'nobody'}")
                for at in ticket.sites:
                    if at.site not in ticket.holders:
                        print(f"  {at.site}: {describe(at)}")
    except QmfAgentError as error:
        print(f"list_tickets: {error}", file=sys.stderr)
        return 1
    return 0


def describe(at: TicketAt) -> str:
    """The state of a replica, and what there is to say of it."""
    remarks = [
        f"{at.reason}: {at.message}" if at.reason else "",
        f"waits ({at.hold})" if at.hold else "",
        f"{at.drift} fields edited here" if at.drift else "",
    ]
    return ", ".join([at.state, *filter(None, remarks)])


if __name__ == "__main__":
    sys.exit(main())
