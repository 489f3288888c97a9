"""Who may publish a ticket: the one site that holds it.

Rules of this file: it decides from claims alone and does no I/O. A decision against is a Refused whose reason is
`holder`, `split` or `no-holder`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from qmfagent.cib.ticket import Term, TicketState
from qmfagent.errors import Refused


@dataclass(frozen=True, slots=True)
class Claim:
    """What one site says of a ticket: whether it is granted there, and the term of the grant."""

    site: str
    granted: bool
    term: Term


def publishing_site(ticket: str, site: str, state: TicketState | None, claims: Iterable[Claim]) -> str:
    """The site whose publication of `ticket` this `site` may apply.

    `state` is the ticket here, `claims` what the other sites say. Raises Refused.
    """
    holders = sorted(claim.site for claim in claims if claim.granted)
    here = state is not None and state.granted
    if here and holders:
        holders = sorted([*holders, site])
    if len(holders) > 1:
        raise Refused(
            "split",
            f"ticket {ticket!r} is claimed by {' and '.join(holders)} at once; nothing is replicated",
            hint="revoke it at all of them but one",
        )
    if here:
        raise Refused(
            "holder",
            f"{site} holds ticket {ticket!r} itself, and a holder never applies",
            hint="replicate from here to the other sites",
        )
    if not holders:
        raise Refused(
            "no-holder",
            f"no site that can be reached holds ticket {ticket!r}",
            hint="grant it, or check the connection to its holder",
        )
    return holders[0]
