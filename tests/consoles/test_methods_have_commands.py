"""Every method of the schema has a command that calls it, or a reason why nobody calls it by hand."""

from __future__ import annotations

from typing import Any

import pytest

from consoles.ticket_actions import ACTIONS
from tests.consoles.conftest import SCHEMA, TOKEN

COMMANDS = {
    ("Site", "query"): ("cib", "configuration/nodes", "--at", "siteb"),
    ("Site", "history"): ("history", "db"),
    ("Site", "change"): ("show", "7"),
    ("Site", "verify_journal"): ("journal", "verify"),
    ("Site", "permissions"): ("permissions",),
    ("Site", "explain"): ("explain", "vip-ip", "--at", "siteb"),
    ("Site", "plan"): ("diff", "db", "--to", "siteb"),
    ("Site", "plan_rollback"): ("rollback", "7", "--at", "siteb", "--plan"),
    ("Site", "plan_heal"): ("heal", "db", "--at", "siteb", "--plan"),
    ("Site", "drill"): ("drill", "db", "--at", "siteb"),
    ("Site", "apply"): ("apply", TOKEN, "--at", "siteb"),
    ("Replica", "replicate_now"): ("replicate-now", "db", "--to", "siteb", "--yes"),
    ("Plan", "discard"): ("discard", TOKEN, "--at", "siteb"),
    **{("Ticket", action): ("ticket", action, "db", "--at", "siteb") for action in ACTIONS},
}
NOT_BY_HAND = {
    ("Site", "events"): "watch asks for what it missed; --since and --resume say from where",
    ("Site", "claim"): "the sites ask one another; 'tickets' shows the answer",
    ("Site", "publication"): "the receiving site fetches it; 'diff' shows what it would change",
    ("Plan", "apply"): "the same as Site.apply",
}


def test_none_is_left_out() -> None:
    methods = {(each.name, method.name) for each in SCHEMA.classes for method in each.methods}
    assert methods == COMMANDS.keys() | NOT_BY_HAND.keys()
    assert not COMMANDS.keys() & NOT_BY_HAND.keys()


@pytest.mark.parametrize("method", COMMANDS, ids=".".join)
async def test_its_command_calls_it(sites: Any, qmfconsole: Any, method: tuple[str, str]) -> None:
    siteb = sites[1]
    # Where each numbers its own changes, one of them is enough.
    outcome = await qmfconsole(*COMMANDS[method], "--json", at=[siteb] if method == ("Site", "change") else sites)
    assert outcome.status in (0, 2), outcome.err
    called = {(name.partition(":")[0], called) for site in sites for name, called, _ in site.calls}
    assert method in called
