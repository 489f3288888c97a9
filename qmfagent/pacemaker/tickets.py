"""What crm_ticket(8) does to a ticket's state.

Source: Pacemaker 2.1.5, tools/crm_ticket.c; every case is held against crm_ticket itself in tests/pacemaker.
"""

from __future__ import annotations

from lxml import etree

from qmfagent.cib.snapshot import Snapshot
from qmfagent.pacemaker.tools import TicketAction

_RESULT = {
    "grant": ("granted", "true"),
    "revoke": ("granted", "false"),
    "standby": ("standby", "true"),
    "activate": ("standby", "false"),
}


def holds(snapshot: Snapshot, name: str, action: TicketAction) -> bool:
    """Whether ticket `name` is already as `action` would make it."""
    attribute, value = _RESULT[action]
    state = snapshot.tickets.get(name)
    if state is None:
        return False
    return (state.granted if attribute == "granted" else state.standby) == (value == "true")


def changes(snapshot: Snapshot, name: str, action: TicketAction, now: int) -> list[etree._Element]:
    """The `change` elements (format 2) that carry out `action` at `now`; none where the ticket is so already."""
    status = etree.Element("status") if snapshot.status is None else snapshot.status
    states = {str(e.get("id")): e for e in status.iterfind("tickets/ticket_state")}
    before = {str(k): str(v) for k, v in states[name].attrib.items()} if name in states else {"id": name}
    attributes = after(before, action, now)
    if attributes == before:
        return []
    state = etree.Element("ticket_state", attributes)
    if name in states:
        change = etree.Element("change", operation="modify", path=f"/cib/status/tickets/ticket_state[@id='{name}']")
        etree.SubElement(change, "change-result").append(state)
        return [change]
    tickets = status.find("tickets")
    parent, content = status, etree.Element("tickets")
    if tickets is None:
        content.append(state)
    else:
        parent, content = tickets, state
    path = "/cib/status" if tickets is None else "/cib/status/tickets"
    change = etree.Element("change", operation="create", path=path, position=str(len(parent)))
    change.append(content)
    return [change]


def after(state: dict[str, str], action: TicketAction, now: int) -> dict[str, str]:
    """The attributes of a ticket_state after `action` at `now` (seconds since the epoch); equal where nothing changes."""
    attribute, value = _RESULT[action]
    if state.get(attribute) == value:
        return state
    changed = {**state, attribute: value}
    if action == "grant":
        changed["last-granted"] = str(now)
    return changed
