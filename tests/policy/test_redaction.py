"""What is a secret, where it is found, and that it is hidden wherever a document, change or plan is shown."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling.overrides import Override, shown
from qmfagent.cib.plans.closure_difference import closure_changes
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.plans.report import plan_lines
from qmfagent.cib.plans.report_html import plan_html
from qmfagent.cib.snapshot import Snapshot
from qmfagent.policy.lookup import Source
from qmfagent.policy.redaction import CHANGED, Concealer, RedactedCib, redacted
from qmfagent.policy.secrets import HIDDEN, Secrets
from tests.cib.helpers import overridden

SECRET = "hunter2"
PRIVATE = {"ocf:x:db": frozenset({"pin"}), "ocf:x:open": frozenset(), "ocf:x:unknown": None}
SECRETS = Secrets(private=lambda agent: PRIVATE.get(agent))


def cib(resources: str, *, more: str = "", constraints: str = "", epoch: int = 5, status: str = "") -> bytes:
    return (
        f'<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="{epoch}" num_updates="0"><configuration>'
        f"<crm_config/><nodes/><resources>{resources}</resources><constraints>{constraints}</constraints>{more}"
        f"</configuration><status>{status}</status></cib>"
    ).encode()


def primitive(pairs: str, agent: str = "open", identifier: str = "p", template: str = "") -> str:
    kind = f'template="{template}"' if template else f'class="ocf" provider="x" type="{agent}"'
    return (
        f'<primitive id="{identifier}" {kind}><instance_attributes id="{identifier}-ia">{pairs}'
        f"</instance_attributes></primitive>"
    )


def pair(name: str, value: str = SECRET, identifier: str = "n") -> str:
    return f'<nvpair id="{identifier}" name="{name}" value="{value}"/>'


def show(data: bytes) -> str:
    """The redacted form of a CIB as text."""
    cib = RedactedCib(SECRETS).of(Snapshot.parse(data))
    assert cib.status is not None
    return etree.tostring(cib.configuration, encoding="unicode") + etree.tostring(cib.status, encoding="unicode")


# -- what is a secret


@pytest.mark.parametrize(
    "name",
    [
        "passwd", "password", "PASSWORD", "db_password", "rep-passwd", "admin_pass", "pass", "login_pwd", "client_secret",
        "secret", "api_key", "apikey", "aws_secret_access_key", "auth_token", "token", "ssl_private_key", "passphrase",
        "credentials", "community",
    ],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert Secrets().named(name)


@pytest.mark.parametrize("name", ["ip", "nic", "binfile", "tokenizer", "public_key", "bypass-policy", "host_list", ""])
def test_names_of_no_secrets(name: str) -> None:
    assert not Secrets().named(name)


def test_names_can_be_added() -> None:
    assert Secrets(("pin",)).named("PIN")


@pytest.mark.parametrize(
    "value",
    [
        "user=a,password=b", "--password b", "-e DB_PASS=b", '{"secret": "b"}', "amqp://u:b@host/", "http://:b@host",
        "lrm://", "token: b", "host=x password='b'", "ftp://a:b@c and more",
    ],
)  # fmt: skip
def test_values_that_tell_it_themselves(value: str) -> None:
    assert Secrets().told_by(value)


@pytest.mark.parametrize(
    "value", ["", "10.1.0.10", "/etc/passwd", "http://host:80/x@y", "nodev,noexec", "a=b", "x:1;y:2"]
)
def test_values_that_do_not(value: str) -> None:
    assert not Secrets().told_by(value)


# -- where it is found


@pytest.mark.parametrize(
    "data",
    [
        cib(primitive(pair("passwd"))),
        cib(primitive(pair("pin"), "db")),
        cib(primitive(pair("anything"), "unknown")),
        cib(primitive(pair("anything"), "never-heard-of")),
        cib(primitive(pair("options", f"user=x,password={SECRET}"))),
        cib(f'<primitive id="p"><meta_attributes id="m">{pair("my_secret")}</meta_attributes></primitive>'),
        cib(f'<primitive id="p"><utilization id="u">{pair("secret")}</utilization></primitive>'),
        cib(
            '<primitive id="p" class="ocf" provider="x" type="db"><operations><op id="o" name="monitor" interval="1">'
            f'<instance_attributes id="oi">{pair("pin")}</instance_attributes></op></operations></primitive>'
        ),
        cib(f'<template id="t" class="ocf" provider="x" type="db"/>{primitive(pair("pin"), template="t")}'),
        cib(primitive(pair("pin"), template="missing")),
        cib(
            f'<group id="g"><instance_attributes id="gi">{pair("pin")}</instance_attributes>'
            '<primitive id="p" class="ocf" provider="x" type="db"/></group>'
        ),
        # a name that somebody else gives it, and an agent that borrows it
        cib(primitive(pair("harmless")) + primitive('<nvpair id-ref="n" name="passwd"/>', identifier="q")),
        cib(primitive(pair("pin")) + primitive('<nvpair id-ref="n"/>', "db", identifier="q")),
        cib(
            primitive(pair("pin"))
            + '<primitive id="q" class="ocf" provider="x" type="db"><instance_attributes id-ref="p-ia"/></primitive>'
        ),
        cib(f'<bundle id="b"><podman image="i" options="-e DB_PASSWORD={SECRET}" run-command="x"/></bundle>'),
        cib(f'<bundle id="b"><podman image="i" run-command="serve --token {SECRET}"/></bundle>'),
        cib(f'<primitive id="p" description="password: {SECRET}"/>'),
        cib(
            '<primitive id="p"><meta_attributes id="m"><rule id="r" score="1"><expression id="e" operation="eq"'
            f' attribute="site-secret" value="{SECRET}"/></rule></meta_attributes></primitive>'
        ),
        cib("", more=f'<rsc_defaults><meta_attributes id="d">{pair("passwd")}</meta_attributes></rsc_defaults>'),
        cib("", more=f'<op_defaults><meta_attributes id="d">{pair("passwd")}</meta_attributes></op_defaults>'),
        cib(
            "",
            more='<alerts><alert id="a" path="/x"><instance_attributes id="ai">'
            f"{pair('smtp_password')}</instance_attributes></alert></alerts>",
        ),
        cib("", status=f'<node_state id="1"><transient_attributes id="1"><instance_attributes id="s">'
            f"{pair('passwd')}</instance_attributes></transient_attributes></node_state>"),
        cib("", status=f'<node_state id="1"><lrm id="1"><lrm_resources><lrm_resource id="p"><lrm_rsc_op id="o"'
            f' op-digest="{SECRET}"/></lrm_resource></lrm_resources></lrm></node_state>'),
    ],
)  # fmt: skip
def test_a_secret_is_hidden_wherever_it_stands(data: bytes) -> None:
    assert SECRET in data.decode()
    text = show(data)
    assert SECRET not in text
    assert HIDDEN in text


def test_what_is_no_secret_stays() -> None:
    text = show(cib(primitive(pair("ip", "10.1.0.10") + pair("port", "80", "m"), "db") + primitive("", identifier="q")))
    assert "10.1.0.10" in text
    assert HIDDEN not in text


def test_a_document_without_secrets_is_not_copied_and_none_is_changed() -> None:
    plain, secret = Snapshot.parse(cib(primitive(pair("ip")))), Snapshot.parse(cib(primitive(pair("passwd"))))
    assert redacted(plain.configuration, SECRETS) is plain.configuration
    before = document.canonical(secret.configuration)
    assert redacted(secret.configuration, SECRETS) is not secret.configuration
    assert document.canonical(secret.configuration) == before


def test_what_is_learnt_of_an_agent_is_shown_from_then_on() -> None:
    known: dict[str, frozenset[str]] = {}
    view, snapshot = RedactedCib(Secrets(private=known.get)), Snapshot.parse(cib(primitive(pair("ip"), "db")))
    first = view.of(snapshot).configuration
    assert view.of(snapshot).configuration is first
    assert SECRET not in etree.tostring(first, encoding="unicode")
    known["ocf:x:db"] = frozenset()
    assert SECRET in etree.tostring(view.of(snapshot).configuration, encoding="unicode")


# -- changes


NVPAIR = "/cib/configuration/resources/primitive[@id='p']/instance_attributes[@id='p-ia']/nvpair[@id='n']"


def concealer(before: bytes, after: bytes) -> Concealer:
    return Concealer(SECRETS, *(Source.of_snapshot(Snapshot.parse(data)) for data in (before, after)))


@pytest.mark.parametrize(
    ("before", "after", "hidden"),
    [
        (primitive(pair("ip")), primitive(pair("ip", "b")), False),
        (primitive(pair("passwd")), primitive(pair("passwd", "b")), True),
        (primitive(pair("pin"), "db"), primitive(pair("pin", "b"), "db"), True),
        # a name that it had or will have, a placeholder that it was or will be
        (primitive(pair("passwd")), primitive(pair("ip", "b")), True),
        (primitive(pair("ip")), primitive(pair("passwd", "b")), True),
        (primitive(pair("ip")), primitive(pair("ip", "lrm://")), True),
        (primitive(pair("ip"), template="t"), primitive(pair("ip", "b"), template="t"), True),
        (
            '<template id="t" class="ocf" provider="x" type="open"/>' + primitive(pair("ip"), template="t"),
            '<template id="t" class="ocf" provider="x" type="open"/>' + primitive(pair("ip", "b"), template="t"),
            False,
        ),
        (
            primitive(pair("ip")) + primitive('<nvpair id-ref="n" name="passwd"/>', identifier="q"),
            primitive(pair("ip", "b")) + primitive('<nvpair id-ref="n" name="passwd"/>', identifier="q"),
            True,
        ),
        ("", "", True),
    ],
)
def test_a_change_of_a_secret_is_hidden(before: str, after: str, hidden: bool) -> None:
    assert concealer(cib(before), cib(after)).hides(NVPAIR, "value") is hidden


@pytest.mark.parametrize(
    "path", ["", "/cib", "/cib/configuration/x", NVPAIR + "[", "/cib/configuration/resources/primitive[@id='q']"]
)
def test_what_is_not_found_is_hidden(path: str) -> None:
    data = cib(primitive(pair("ip")))
    assert concealer(data, data).hides(path, "value")


def test_a_section_that_holds_no_members_is_looked_into() -> None:
    more = (
        f'<rsc_defaults><meta_attributes id="d">{pair("passwd")}{pair("x", "1", "m")}</meta_attributes></rsc_defaults>'
    )
    found = concealer(cib("", more=more), cib("", more=more))
    path = "/cib/configuration/rsc_defaults/meta_attributes[@id='d']/nvpair[@id='%s']"
    assert found.hides(path % "n", "value")
    assert not found.hides(path % "m", "value")


# -- plans

TICKET = '<rsc_ticket id="c" rsc="p" ticket="T"/>'


def planned(source: str, target: str, *overrides: Override) -> tuple[str, str]:
    """A plan with its override diff as JSON, and in words and HTML."""
    theirs = closure(Snapshot.parse(cib(source, constraints=TICKET)), "T")
    here = Snapshot.parse(cib(target, constraints=TICKET if target else ""))
    mangled, uses = overridden(theirs, *overrides)
    plan = make_plan(here, mangled, overrides=uses, adopt=True)
    plan = replace(plan, override_changes=closure_changes(theirs, mangled))
    rules = Concealer(SECRETS, Source.of_closure(theirs), Source.of_closure(mangled))
    values = Concealer(SECRETS, Source.of_snapshot(here), Source.of_closure(mangled)).plan(plan, rules)
    assert plan.changes
    return json.dumps(values), "\n".join([*(text for _, text in plan_lines(values)), plan_html(values)])


@pytest.mark.parametrize("name", ["passwd", "pin"])
@pytest.mark.parametrize("target", ["", primitive(pair("x", "1", "y"), "db"), "same"])
def test_a_plan_hides_secrets_that_come_go_or_change(name: str, target: str) -> None:
    old, new = "the-old-" + SECRET, SECRET
    here = primitive(pair(name, old), "db") if target == "same" else target
    for texts in (
        planned(primitive(pair(name, new), "db"), here),
        planned(primitive("", "db"), primitive(pair(name), "db")),
    ):
        for text in texts:
            assert SECRET not in text
            assert HIDDEN in text


def test_a_plan_shows_that_a_secret_has_changed_and_what_is_none() -> None:
    values, words = planned(
        primitive(pair("passwd") + pair("port", "81", "m")), primitive(pair("passwd", "old") + pair("port", "80", "m"))
    )
    (first, second) = [change["attributes"] for change in json.loads(values)["changes"] if change["attributes"]]
    assert first == [{"name": "value", "old": HIDDEN, "new": CHANGED}]
    assert second == [{"name": "value", "old": "80", "new": "81"}]
    assert "+   value='****** (changed)'" in words


def test_an_override_of_a_secret_is_hidden_and_so_is_one_that_touches_nothing() -> None:
    selects = ["//nvpair[@name='passwd']", "//nvpair[@name='absent']", f"//nvpair[@value='{SECRET}']/@name"]
    values, words = planned(primitive(pair("passwd", "x")), "", *(Override(select, SECRET, 1) for select in selects))
    assert SECRET not in values + words
    plain, _ = planned(primitive(pair("ip", "x")), "", Override("//nvpair[@name='ip']", "10.2.0.10", 1))
    assert json.loads(plain)["overrides"][0]["value"] == "10.2.0.10"


def test_the_override_diff_hides_a_secret_and_shows_that_it_differs_here() -> None:
    values, words = planned(
        primitive(pair("passwd", "theirs-" + SECRET)), "", Override("nvpair[@name='passwd']", SECRET, 1)
    )
    assert SECRET not in values + words
    (change,) = json.loads(values)["override_changes"]
    assert change["attributes"] == [{"name": "value", "old": HIDDEN, "new": CHANGED}]


def test_the_override_diff_judges_by_the_agent_of_the_publication_too() -> None:
    """An XSLT step may take a private parameter away, or give it to another agent; the target has neither."""
    theirs = closure(Snapshot.parse(cib(primitive(pair("pin"), "db"), constraints=TICKET)), "T")
    for ours in (primitive("", "db"), primitive(pair("pin", "other"), "open")):
        mangled = closure(Snapshot.parse(cib(ours, constraints=TICKET)), "T")
        here = Snapshot.parse(cib(""))
        plan = replace(make_plan(here, mangled), override_changes=closure_changes(theirs, mangled))
        rules = Concealer(SECRETS, Source.of_closure(theirs), Source.of_closure(mangled))
        values = Concealer(SECRETS, Source.of_snapshot(here), Source.of_closure(mangled)).plan(plan, rules)
        assert values["override_changes"]
        assert SECRET not in json.dumps(values)


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("primitive[@id='vip']//nvpair[@name = \"ip\"]", "primitive[@id='vip']//nvpair[@name = \"ip\"]"),
        ("nvpair[@value='x']", "nvpair[@value='...']"),
        ("nvpair['x'=@value or contains(., \"x\")]/@value", "nvpair['...'=@value or contains(., '...')]/@value"),
        ("nvpair[@value='x", "nvpair[@value='..."),
    ],
)
def test_a_select_is_shown_without_what_may_be_a_secret(select: str, expected: str) -> None:
    assert shown(select).rstrip("'") == expected.rstrip("'")


@given(
    st.sampled_from(["passwd", "pin", "my-secret"]),
    st.text("xyz0123456789", min_size=8, max_size=12),
    st.text("xyz0123456789", min_size=8, max_size=12),
)
def test_no_plan_between_two_values_holds_either(name: str, old: str, new: str) -> None:
    if old != new:
        for text in planned(primitive(pair(name, new), "db"), primitive(pair(name, old), "db")):
            assert old not in text
            assert new not in text


def test_a_borrowed_secret_is_hidden_in_a_closure_too() -> None:
    source = (
        '<group id="p">'
        + primitive(pair("x"), identifier="a")
        + primitive('<nvpair id-ref="n" name="passwd"/>', identifier="b")
        + "</group>"
    )
    for text in planned(source, ""):
        assert SECRET not in text


def test_the_closure_itself_stays_whole() -> None:
    found = closure(Snapshot.parse(cib(primitive(pair("passwd")), constraints=TICKET)), "T")
    assert isinstance(found, Closure)
    assert SECRET.encode() in found.canonical
