"""Who may do what: the table of roles, rules and their scopes, and the laws that hold for all of them."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.agent import load_schema
from qmfagent.errors import Refused
from qmfagent.policy.access import Access, Rule, Target, lines_for
from qmfagent.policy.roles import READING, Role, least_role, permits, writes

METHODS = {(c.name, m.name) for c in load_schema().classes for m in c.methods}
TABLE = {
    ("Site", "query"): "viewer operator replicator administrator",
    ("Site", "events"): "viewer operator replicator administrator",
    ("Site", "plan"): "viewer operator replicator administrator",
    ("Site", "history"): "viewer operator replicator administrator",
    ("Site", "change"): "viewer operator replicator administrator",
    ("Site", "verify_journal"): "viewer operator replicator administrator",
    ("Site", "permissions"): "viewer operator replicator administrator",
    ("Site", "claim"): "viewer operator replicator administrator",
    ("Site", "explain"): "viewer operator replicator administrator",
    ("Site", "plan_rollback"): "viewer operator replicator administrator",
    ("Site", "plan_heal"): "viewer operator replicator administrator",
    ("Site", "publication"): "replicator administrator",
    ("Site", "drill"): "operator replicator administrator",
    ("Site", "apply"): "replicator administrator",
    ("Plan", "apply"): "replicator administrator",
    ("Plan", "discard"): "replicator administrator",
    ("Ticket", "pause"): "replicator administrator",
    ("Ticket", "resume"): "replicator administrator",
    ("Ticket", "pin"): "replicator administrator",
    ("Ticket", "unpin"): "replicator administrator",
    ("Replica", "replicate_now"): "replicator administrator",
    ("Ticket", "grant"): "operator administrator",
    ("Ticket", "revoke"): "operator administrator",
    ("Ticket", "standby"): "operator administrator",
    ("Ticket", "activate"): "operator administrator",
}
DB, HR = frozenset({"db-1"}), frozenset({"hr-1"})
PARIS = frozenset({"paris"})


def allowed(access: Access, identity: str, target: Target, method: str) -> bool:
    try:
        access.check(identity, target, method)
    except Refused as refused:
        return refused.reason != "forbidden"
    return True


# -- roles


def test_every_method_of_the_schema_is_in_the_table() -> None:
    """A new method fails here until somebody has decided."""
    assert TABLE.keys() == METHODS


@pytest.mark.parametrize(("method", "roles"), TABLE.items())
def test_the_table_of_roles(method: tuple[str, str], roles: str) -> None:
    assert [role.value for role in Role if permits(role, *method)] == roles.split()
    assert least_role(*method).value == roles.split()[0]


def test_a_method_that_nobody_has_classified_writes_and_is_the_administrators() -> None:
    assert [role for role in Role if permits(role, "Site", "erase")] == [Role.ADMINISTRATOR]
    assert writes("Site", "erase")
    assert writes("Ticket", "query")
    assert {method for method in METHODS if not writes(*method)} == READING | {("Site", "publication")}


# -- rules


@pytest.mark.parametrize("identity", ["", "anonymous", "CN=admin"])
def test_without_a_rule_nobody_is_let_in(identity: str) -> None:
    assert not Access().admits(identity)
    assert not any(allowed(Access(), identity, Target(name), method) for name, method in METHODS)
    view = Access().view(identity)
    assert view is not None
    assert not view(Target("Node"))


def test_an_identity_is_compared_whole_by_a_pattern() -> None:
    access = Access((Rule(("CN=lyon,O=example", "CN=db-?"), Role.OPERATOR),))
    for identity in ("CN=lyon,O=example", "CN=db-1"):
        assert access.admits(identity)
    for identity in ("CN=lyon", "CN=lyon,O=example,C=FR", "cn=lyon,o=example", "CN=db-10", "O=x,CN=db-1", ""):
        assert not access.admits(identity)


def test_who_has_proved_nothing_is_anonymous() -> None:
    access = Access((Rule(("anonymous",), Role.OPERATOR),))
    assert access.admits("")
    assert allowed(access, "", Target("Ticket", DB), "grant")


@pytest.mark.parametrize(
    ("rule", "target", "method", "expected"),
    [
        # tickets: a call has to be covered, reading needs one of them
        (Rule((), Role.OPERATOR, tickets=("db-*",)), Target("Ticket", DB), "grant", True),
        (Rule((), Role.OPERATOR, tickets=("db-*",)), Target("Ticket", HR), "grant", False),
        (Rule((), Role.OPERATOR, tickets=("db-*",)), Target("Site", None), "query", False),
        (Rule((), Role.VIEWER, tickets=("db-*",)), Target("Node"), "", False),
        (Rule((), Role.VIEWER, tickets=("db-*",)), Target("Resource", DB | HR), "", True),
        (Rule((), Role.REPLICATOR, tickets=("db-*",)), Target("Site", DB | HR), "publication", False),
        # sites
        (Rule((), Role.REPLICATOR, sites=("paris",)), Target("Replica", DB, frozenset({"paris", "lyon"})), "", True),
        (
            Rule((), Role.REPLICATOR, sites=("paris",)),
            Target("Replica", DB, frozenset({"paris", "lyon"})),
            "replicate_now",
            False,
        ),
        (
            Rule((), Role.REPLICATOR, sites=("paris", "lyon")),
            Target("Replica", DB, frozenset({"paris", "lyon"})),
            "replicate_now",
            True,
        ),
        # classes and methods
        (Rule((), Role.ADMINISTRATOR, classes=("Ticket",)), Target("Ticket", DB), "grant", True),
        (Rule((), Role.ADMINISTRATOR, classes=("Ticket",)), Target("Site", DB), "apply", False),
        (Rule((), Role.OPERATOR, methods=("stand*",)), Target("Ticket", DB), "standby", True),
        (Rule((), Role.OPERATOR, methods=("stand*",)), Target("Ticket", DB), "grant", False),
        (Rule((), Role.OPERATOR, methods=("stand*",)), Target("Node"), "", True),
        # the role limits as well
        (Rule((), Role.VIEWER, methods=("grant",)), Target("Ticket", DB), "grant", False),
    ],
)
def test_what_a_rule_allows(rule: Rule, target: Target, method: str, expected: bool) -> None:
    assert rule.allows(target, method) is expected
    assert not rule.denies(target, method)


@pytest.mark.parametrize(
    ("rule", "target", "method", "expected"),
    [
        (Rule((), None), Target("Node"), "", True),
        (Rule((), None, tickets=("hr-*",)), Target("Ticket", HR), "grant", True),
        (Rule((), None, tickets=("hr-*",)), Target("Ticket", DB), "grant", False),
        # where it can't be told which tickets are concerned, those may be among them
        (Rule((), None, tickets=("hr-*",)), Target("Site", None), "query", True),
        (Rule((), None, tickets=("hr-*",)), Target("Node"), "", False),
        (Rule((), None, tickets=("hr-*",)), Target("Resource", DB | HR), "", True),
        (Rule((), None, methods=("grant",)), Target("Ticket", DB), "grant", True),
        (Rule((), None, methods=("grant",)), Target("Ticket", DB), "", False),
        (Rule((), None, classes=("Plan",)), Target("Plan", DB), "", True),
        (Rule((), None, sites=("lyon",)), Target("Replica", DB, frozenset({"paris", "lyon"})), "replicate_now", True),
    ],
)
def test_what_a_rule_denies(rule: Rule, target: Target, method: str, expected: bool) -> None:
    assert rule.denies(target, method) is expected
    assert not rule.allows(target, method)


def test_who_is_denied_everything_is_not_let_in_and_who_is_denied_something_is() -> None:
    admin = Rule(("CN=admin",), Role.ADMINISTRATOR)
    assert not Access((admin, Rule(("CN=*",), None))).admits("CN=admin")
    assert Access((admin, Rule(("CN=*",), None, classes=("Plan",)))).admits("CN=admin")
    assert not Access((Rule(("CN=*",), None, classes=("Plan",)),)).admits("CN=admin")


def test_a_view_without_limits_is_no_filter() -> None:
    assert Access((Rule(("x",), Role.VIEWER, methods=("plan",)),)).view("x") is None
    assert Access((Rule(("x",), Role.VIEWER), Rule(("x",), None, methods=("grant",)))).view("x") is None
    limited = Access((Rule(("x",), Role.VIEWER), Rule(("x",), None, tickets=("hr-*",)))).view("x")
    assert limited is not None
    assert [limited(target) for target in (Target("Ticket", DB), Target("Ticket", HR), Target("Node"))] == [
        True,
        False,
        True,
    ]


def test_a_refusal_gives_the_lines_that_would_allow_it() -> None:
    with pytest.raises(Refused, match=r"CN=lyon.*Site\.publication for ticket db-1 at paris") as refused:
        Access().check("CN=lyon", Target("Site", DB, PARIS), "publication")
    assert '[[access]] / identity = "CN=lyon" / role = "replicator"' in str(refused.value)
    access = Access((Rule(("*",), Role.ADMINISTRATOR), Rule(("CN=lyon",), None, tickets=("db-*",))))
    with pytest.raises(Refused, match="deny = true"):
        access.check("CN=lyon", Target("Site", DB), "publication")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), min_size=1))
def test_the_lines_are_toml_whatever_the_identity(identity: str) -> None:
    content = tomllib.loads(lines_for(identity, Role.VIEWER).replace(" / ", "\n", 2)) if " / " not in identity else {}
    assert content in ({}, {"access": [{"identity": identity, "role": "viewer"}]})


# -- laws

NAMES = st.sampled_from(["db-1", "db-2", "hr-1"])
PATTERNS = st.lists(st.sampled_from(["*", "db-*", "hr-?", "db-1"]), max_size=2).map(tuple)
RULES = st.builds(
    Rule,
    identities=st.lists(st.sampled_from(["*", "CN=*", "CN=a", "anonymous"]), min_size=1, max_size=2).map(tuple),
    role=st.none() | st.sampled_from(Role),
    classes=st.lists(st.sampled_from(["*", "Ticket", "Site", "Re*"]), max_size=2).map(tuple),
    methods=st.lists(st.sampled_from(["*", "grant", "pub*", "query"]), max_size=2).map(tuple),
    tickets=PATTERNS,
    sites=st.lists(st.sampled_from(["*", "paris", "ly*"]), max_size=2).map(tuple),
)
ACCESS = st.lists(RULES, max_size=5).map(lambda rules: Access(tuple(rules)))
IDENTITIES = st.sampled_from(["", "anonymous", "CN=a", "CN=b", "x"])
SITES = st.sampled_from([frozenset({"paris"}), frozenset({"paris", "lyon"})])


@st.composite
def requests(draw: st.DrawFn) -> tuple[Target, str]:
    class_name, method = draw(st.sampled_from(sorted(METHODS)))
    tickets = draw(st.none() | st.frozensets(NAMES, max_size=2))
    return Target(class_name, tickets, draw(SITES)), method


def reads(access: Access, identity: str, target: Target) -> bool:
    view = access.view(identity)
    return view is None or view(target)


@given(ACCESS, RULES, IDENTITIES, requests())
def test_deny_wins_over_any_allow(access: Access, rule: Rule, identity: str, request: tuple[Target, str]) -> None:
    target, method = request
    rule = replace(rule, role=None)
    with_rule = Access((*access.rules, rule))
    who = identity or "anonymous"
    if rule.is_about(who) and rule.denies(target, method):
        assert not allowed(with_rule, identity, target, method)
    if rule.is_about(who) and rule.denies(target):
        assert not reads(with_rule, identity, target)
    if rule.is_about(who) and rule.unlimited:
        assert not with_rule.admits(identity)


@given(ACCESS, RULES, IDENTITIES, requests())
def test_a_rule_that_allows_takes_nothing_away_and_one_that_denies_gives_nothing(
    access: Access, rule: Rule, identity: str, request: tuple[Target, str]
) -> None:
    target, method = request
    other = Access((rule, *access.rules))
    before = (allowed(access, identity, target, method), reads(access, identity, target), access.admits(identity))
    after = (allowed(other, identity, target, method), reads(other, identity, target), other.admits(identity))
    less, more = (before, after) if rule.role else (after, before)
    assert all(now or not was for was, now in zip(less, more, strict=True))


@given(ACCESS, IDENTITIES, requests(), st.randoms())
def test_the_order_of_rules_means_nothing(
    access: Access, identity: str, request: tuple[Target, str], random: object
) -> None:
    rules = list(access.rules)
    random.shuffle(rules)  # type: ignore[attr-defined]
    other = Access(tuple(rules))
    target, method = request
    assert allowed(access, identity, target, method) == allowed(other, identity, target, method)
    assert reads(access, identity, target) == reads(other, identity, target)
    assert access.admits(identity) == other.admits(identity)


@given(ACCESS, IDENTITIES, requests())
def test_who_has_no_role_does_nothing_and_only_writers_write(
    access: Access, identity: str, request: tuple[Target, str]
) -> None:
    target, method = request
    roles = {rule.role for rule in access.rules if rule.is_about(identity or "anonymous")} - {None}
    if allowed(access, identity, target, method):
        assert any(permits(role, target.class_name, method) for role in roles if role)
        if writes(target.class_name, method):
            assert roles - {Role.VIEWER}
    if not roles:
        assert not access.admits(identity)
        assert not reads(access, identity, target)
