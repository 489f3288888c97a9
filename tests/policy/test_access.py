"""Who may call what: nobody may write by default, and nothing counts as reading unless it is named so."""

from __future__ import annotations

import pytest

from qmfagent.agent import load_schema
from qmfagent.errors import Refused
from qmfagent.policy.access import READING, Access, writes

METHODS = {(c.name, m.name) for c in load_schema().classes for m in c.methods}
WRITING = {
    ("Site", "apply"),
    ("Ticket", "grant"),
    ("Ticket", "revoke"),
    ("Ticket", "standby"),
    ("Ticket", "activate"),
    ("Replica", "replicate_now"),
}


def test_every_method_of_the_schema_is_classified() -> None:
    """A new method fails here until somebody has decided."""
    assert {method for method in METHODS if writes(*method)} == WRITING
    assert METHODS - WRITING == READING == {("Site", "query"), ("Site", "publication"), ("Site", "plan")}


@pytest.mark.parametrize("identity", ["", "anonymous", "CN=admin", "CN=lyon"])
def test_nobody_writes_by_default(identity: str) -> None:
    for method in WRITING:
        with pytest.raises(Refused, match=r"\[access\]") as refused:
            Access().check(identity, *method)
        assert refused.value.reason == "forbidden"
    for method in READING:
        Access().check(identity, *method)


def test_an_identity_is_compared_whole() -> None:
    access = Access(frozenset({"CN=lyon,O=example"}))
    access.check("CN=lyon,O=example", "Ticket", "grant")
    for other in ("CN=lyon", "CN=lyon,O=example,C=FR", "cn=lyon,o=example", "O=example,CN=lyon", "", "anonymous"):
        with pytest.raises(Refused):
            access.check(other, "Ticket", "grant")


def test_an_unknown_method_counts_as_writing() -> None:
    assert writes("Site", "erase")
    assert writes("Ticket", "query")
