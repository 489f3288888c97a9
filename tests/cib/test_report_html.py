"""A plan as HTML: the same as in words, escaped, without style, script or link."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from qmfagent.cib.closure.closure import closure
from qmfagent.cib.mangling.overrides import Override
from qmfagent.cib.plans.closure_difference import closure_changes
from qmfagent.cib.plans.plan import Published
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.plans.report import plan_lines, visible_changes
from qmfagent.cib.plans.report_html import changes_html, plan_html
from qmfagent.cib.plans.upgrade import Upgrade
from qmfagent.cib.simulation.blocked import Blocked, Hindrance
from qmfagent.cib.simulation.outcome import Action
from qmfagent.cib.simulation.preview import Preview
from tests.cib.helpers import cib, dummy, overridden, pairs, replicate, ticket

CLASSES = {
    "plan", "problems", "error", "warning", "note", "upgrade", "changes", "create", "delete", "modify", "move", "other",
    "what", "content", "attribute", "name", "notes", "override-diff", "preview", "actions", "add", "remove", "change",
    "plain", "diff", "long", "by", "overrides", "boundaries", "because", "anyway",
}  # fmt: skip
TAGS = {"section", "h2", "h3", "ul", "ol", "li", "p", "span", "pre", "div", "code", "ins", "del", "details", "summary"}

STOPPED = Blocked("x", "Started", (Hindrance("disabled", "its target-role is Stopped"),))


def rich_map() -> dict[str, Any]:
    """A plan with something in every part of it, as plain values."""
    before = cib(dummy("a", pairs("i", n="1")) + dummy("gone"), ticket("c", "a") + ticket("d", "gone"))
    after = cib(
        dummy("a", pairs("i", n="2")) + dummy("new") + dummy("x"),
        ticket("c", "a") + ticket("e", "new") + '<rsc_order id="o" first="a" then="x"/>',
    )
    published = closure(after, "T")
    mangled, uses = overridden(published, Override("nvpair[@id='i-n']", "3", 2), Override("nvpair[@id='z']", "4", 5))
    return replace(
        make_plan(replicate(before, cib()), mangled, overrides=uses),
        override_changes=closure_changes(published, mangled),
        upgrade=Upgrade("pacemaker-3.5", "pacemaker-3.9", {}),
        published=Published("site-a", "0.1", "0.7.0", "0" * 64),
        preview=Preview(
            (Action("start", "new", "", "n1"),),
            (Action("stop", "x", "n1"),),
            (STOPPED,),
        ),
    ).to_map()


class Seen(HTMLParser):
    """What a browser would see: the tags with their attributes, and all text."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(fragment)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_plain(fragment: str) -> Seen:
    """That a fragment is well-formed, and is made of what the page expects and nothing else."""
    etree.fromstring(fragment)
    seen = Seen(fragment)
    assert {tag for tag, _ in seen.tags} <= TAGS
    for tag, attributes in seen.tags:
        assert set(attributes) <= ({"class", "open"} if tag == "details" else {"class"})
        assert attributes.get("class") is None or attributes["class"] in CLASSES
    return seen


def test_everything_that_is_said_in_words_is_there() -> None:
    plan = rich_map()
    text = re.sub(r"\s+", " ", assert_plain(plan_html(plan, "site-b")).text)
    for style, line in plan_lines(plan, "site-b"):
        words = re.sub(r"\s+", " ", re.sub(r"^\s*[-+~] +", "", line)).strip()
        if attribute := re.fullmatch(r"([\w-]+)='(.*)'", words):
            assert attribute[1] in text
            assert attribute[2] in text
        else:
            assert words in text, style


def test_what_comes_and_what_goes_is_marked() -> None:
    root = etree.fromstring(plan_html(rich_map()))
    (modified,) = root.findall("details/ol/li[@class='modify']")
    assert [e.text for e in modified.iter("del", "ins")] == ["1", "3"]
    gone, new = (" ".join(e.text for e in root.iterfind(f"details/ol/li/pre/{tag}")) for tag in ("del", "ins"))
    assert '<primitive class="ocf" id="gone"' in gone
    assert '<primitive class="ocf" id="new"' in new
    assert root.findtext("section[@class='override-diff']/details/ol/li/div/ins") == "3"
    assert root.findtext("section[@class='preview']/details/ul/li[@class='add']") == "start new on n1"
    assert root.findtext("p[@class='upgrade']") == "raise validate-with from pacemaker-3.5 to pacemaker-3.9"


def test_what_would_happen_anyway_is_told_apart() -> None:
    root = etree.fromstring(plan_html(rich_map()))
    told = {found.get("class"): found.findtext("ul/li") for found in root.iterfind("section[@class='preview']/details")}
    assert told == {"because": "start new on n1", "anyway": "without the plan too: stop x on n1"}


def test_each_override_is_named_with_what_it_changed() -> None:
    root = etree.fromstring(plan_html(rich_map()))
    assert root.findtext(".//ul[@class='overrides']/li", "").startswith(
        "override '3' (line 2 of the site file) in 1 place:"
    )
    assert (
        root.findtext("section[@class='override-diff']/details/ol/li/span[@class='by']") == " by the override at line 2"
    )
    assert root.findtext("ul[@class='problems']/li[@class='warning']", "").startswith(
        "warning: the override at line 5 "
    )


def test_what_is_long_is_folded() -> None:
    plan = rich_map()
    many = [change for change in plan["changes"] if change["operation"] == "modify"] * 41
    places = [f"/cib/{n}" for n in range(13)]
    root = etree.fromstring(
        plan_html({**plan, "changes": many, "overrides": [{**plan["overrides"][0], "places": places}]})
    )
    folded = {found.findtext("summary"): found.get("open") for found in root.iter("details")}
    assert folded["41 changes: 41 modified"] is None
    assert folded["override '3' (line 2 of the site file) in 13 places:"] is None
    assert folded["because of this plan: 1"] == "open"


def test_changes_alone_are_shown_as_in_a_plan() -> None:
    plan = rich_map()
    root, alone = etree.fromstring(plan_html(plan)), etree.fromstring(changes_html(visible_changes(plan)))
    assert etree.tostring(alone.find("details")) == etree.tostring(root.find("details"))
    assert alone.findtext("details/summary") == "5 changes: 2 created, 1 modified, 2 deleted"


def test_a_plan_with_nothing_in_it_is_its_heading() -> None:
    source = cib(dummy("a"), ticket("c", "a"))
    plan = make_plan(replicate(source, cib()), closure(source, "T"))
    assert plan_html(plan.to_map(), "B") == '<section class="plan"><h2>ticket T: nothing to do at B</h2></section>'


HOSTILE = st.text() | st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=y>',
        "]]>",
        "&lt;",
        "&amp",
        "\0\x1b[31m\ud800",
        "error evil",
        "'",
    ]
)


def spoiled(value: Any, texts: st.DataObject, key: str = "") -> Any:
    """The plain values with other texts in them, but for the XML of changes."""
    if isinstance(value, dict):
        return {name: spoiled(each, texts, name) for name, each in value.items()}
    if isinstance(value, list):
        return [spoiled(each, texts) for each in value]
    return texts.draw(HOSTILE) if isinstance(value, str) and key != "content" else value


@given(st.data())
def test_whatever_a_plan_holds_stays_text(data: st.DataObject) -> None:
    """Law: well-formed, no element, attribute or class that does not belong, whatever another site sends."""
    plan = spoiled(rich_map(), data)
    for change in [*plan["changes"], *plan["override_changes"]]:
        change["operation"] = data.draw(st.sampled_from(["create", "modify", "delete", "move"]) | HOSTILE)
        if change["operation"] in ("create", "delete") and not change["content"]:
            change["content"] = "<a/>"
    assert_plain(plan_html(plan, data.draw(HOSTILE)))


@given(HOSTILE)
def test_a_text_arrives_as_it_is(text: str) -> None:
    plan = {**rich_map(), "problems": [{"code": "clash", "severity": "error", "message": text}]}
    kept = "".join("\N{REPLACEMENT CHARACTER}" if not _is_xml(c) else c for c in text).replace("\r", "")
    assert f"error: {kept}" in assert_plain(plan_html(plan)).text.replace("\r", "")


def _is_xml(character: str) -> bool:
    return (
        character in "\t\n\r"
        or " " <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character > "\uffff"
    )
