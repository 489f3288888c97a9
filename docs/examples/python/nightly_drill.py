#!/usr/bin/env python3
"""Drill every ticket at every site that does not hold it: would all of it run there, if it had to tonight?

    15 3 * * *  geo  python3 nightly_drill.py                                              # cron mails what is printed
    15 3 * * *  geo  python3 nightly_drill.py --mail ops@example.org | /usr/sbin/sendmail -t

A drill changes nothing. Exit status: 0 all would run everywhere, 1 something would not, 2 something could not be drilled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from email.message import EmailMessage

from consoles.client import Console, QmfAgentError, from_environment

GOOD, BAD, UNKNOWN = 0, 1, 2
WORDS = {GOOD: "all would run", BAD: "something would not run", UNKNOWN: "something could not be drilled"}


def main() -> int:
    """Drill them; the exit status."""
    parser = argparse.ArgumentParser(description="Drill every ticket at every site that does not hold it.")
    parser.add_argument("--mail", metavar="ADDRESS", help="print a message to this address, for sendmail -t")
    given = parser.parse_args()
    problems: list[str] = []
    try:
        with from_environment(on_problem=problems.append).console() as console:
            found = list(drills(console))
    except QmfAgentError as error:
        found = [(UNKNOWN, str(error))]
    found += [(UNKNOWN, problem) for problem in problems]
    worst = max((state for state, _ in found), default=GOOD)
    report = "\n".join(text for _, text in sorted(found, reverse=True))
    print(message(given.mail, WORDS[worst], report) if given.mail else report)
    return worst


def drills(console: Console) -> Iterator[tuple[int, str]]:
    """What each drill came to, and in words."""
    for ticket in console.tickets():
        for at in ticket.sites:
            if at.site not in ticket.holders:
                state, text = drill(console, at.site, ticket.name)
                yield state, f"{ticket.name} at {at.site}: {text}"


def drill(console: Console, site: str, ticket: str) -> tuple[int, str]:
    """What the drill of one ticket at one site came to, and in words."""
    try:
        result = console.drill(site, ticket)
    except QmfAgentError as error:
        return UNKNOWN, str(error)
    if result["ok"]:
        return GOOD, f"all would run ({len(result['running'])} resources)"
    lines = [problem["message"] for problem in result["problems"]]
    lines += [f"{blocked['resource']}: {blocked['message']}" for blocked in result["blocked"]]
    return BAD, "\n    ".join(["NOT all would run", *lines])


def message(to: str, subject: str, report: str) -> EmailMessage:
    """The report as a mail."""
    mail = EmailMessage()
    mail["To"], mail["Subject"] = to, f"Nightly drill: {subject}"
    mail.set_content(f"{report}\n")
    return mail


if __name__ == "__main__":
    sys.exit(main())
