#!/usr/bin/env python3
"""Replicate a ticket to a site: show the plan, ask, apply exactly that plan, and say how to go back.

    python3 replicate_with_approval.py db-ticket lyon

Exit status: 0 applied, or nothing to do; 1 refused, or it failed; 2 the answer was no; 3 it is unknown whether it was applied.
"""

from __future__ import annotations

import argparse
import sys

from consoles.client import ConnectionLost, Console, QmfAgentError, RemoteError, RequestTimeout, from_environment


def main() -> int:
    """Replicate it; the exit status."""
    parser = argparse.ArgumentParser(description="Replicate a ticket to a site, after a yes.")
    parser.add_argument("ticket")
    parser.add_argument("site", help="the site that receives")
    given = parser.parse_args()
    try:
        with from_environment().console() as console:
            return replicate(console, given.ticket, given.site)
    except RemoteError as error:
        # The reason is a name from docs/reference/reasons.md, such as configuration-changed: then plan again.
        print(f"refused ({error.reason or 'no reason given'}): {error}", file=sys.stderr)
        return 1
    except QmfAgentError as error:
        print(f"replicate: {error}", file=sys.stderr)
        return 1
    except (EOFError, KeyboardInterrupt):
        return 2


def replicate(console: Console, ticket: str, site: str) -> int:
    """Plan, ask and apply; the exit status."""
    plan = console.plan(site, ticket)
    print(plan.text)
    plan.require_applicable()
    if not plan.token:
        return 0
    if input(f"Apply this at {site}? [y/N] ").strip().lower() not in ("y", "yes"):
        return 2
    try:
        applied = console.apply(site, plan.token)
    except (ConnectionLost, RequestTimeout) as error:
        # Never repeated blindly: the answer may be what was lost, and not the request.
        print(f"unknown: {error}; look at: qmfconsole history {ticket} --site {site}", file=sys.stderr)
        return 3
    print(f"applied as change {applied.change}: {applied.changes} changes, CIB {applied.version}")
    print(f"to go back: qmfconsole rollback {applied.change} --at {site}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
