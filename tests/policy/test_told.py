"""Changes as events tell them: old and new values, bounded, without secrets."""

from __future__ import annotations

from lxml import etree

from qmfagent.cib.plans.difference import AttributeChange, Change, member_changes
from qmfagent.cib.snapshot import Snapshot
from qmfagent.policy.lookup import Source
from qmfagent.policy.redaction import Concealer
from qmfagent.policy.secrets import HIDDEN, Secrets
from qmfagent.policy.told import MAX_ATTRIBUTES, MAX_CHANGES, MAX_NAME, MAX_TEXT, told

CIB = (
    '<cib><configuration><resources><primitive id="p" class="ocf" provider="x" type="y"><instance_attributes id="i">'
    '<nvpair id="ip" name="ip" value="1"/><nvpair id="pw" name="password" value="old"/></instance_attributes></primitive>'
    "</resources></configuration></cib>"
)
BEFORE, AFTER = (Snapshot.parse(text.encode()) for text in (CIB, CIB.replace('"1"', '"2"').replace("old", "new")))
CONCEALER = Concealer(Secrets(), Source.of_snapshot(BEFORE), Source.of_snapshot(AFTER))
PATH = "/cib/configuration/resources/primitive[@id='p']"


def modification(**attributes: tuple[str | None, str | None]) -> Change:
    entries = tuple(AttributeChange(name, *values) for name, values in attributes.items())
    return Change("modify", "primitive", "p", "p", PATH, -1, entries)


def test_a_value_is_told_as_it_was_and_as_it_is_and_a_secret_is_not() -> None:
    changes = member_changes(BEFORE.members["p"], AFTER.members["p"], PATH)
    assert changes is not None
    shown = told(changes, CONCEALER)
    assert shown["truncated"] == 0
    assert [(each["id"], each["attributes"], each["old"]) for each in shown["changes"]] == [
        ("ip", {"value": "2"}, {"value": "1"}),
        ("pw", {"value": HIDDEN}, {"value": HIDDEN}),
    ]


def test_an_attribute_that_was_or_is_not_there_is_empty() -> None:
    (shown,) = told([modification(one=(None, "x"), two=("y", None))], CONCEALER)["changes"]
    assert (shown["attributes"], shown["old"]) == ({"one": "x", "two": ""}, {"one": "", "two": "y"})


def test_what_came_and_went_has_no_values() -> None:
    element = etree.fromstring('<nvpair id="pw" name="password" value="secret"/>')
    change = Change("create", "nvpair", "pw", "p", PATH, 0, (), etree.tostring(element))
    assert told([change], CONCEALER)["changes"] == [{"operation": "create", "kind": "nvpair", "id": "pw", "path": PATH}]


def test_everything_is_bounded() -> None:
    many = {f"{n:03}{'n' * MAX_NAME}": ("o" * 2 * MAX_TEXT, "n" * 2 * MAX_TEXT) for n in range(2 * MAX_ATTRIBUTES)}
    shown = told([modification(**many)] * (MAX_CHANGES + 7), CONCEALER)
    assert (len(shown["changes"]), shown["truncated"]) == (MAX_CHANGES, 7)
    for values in (shown["changes"][0]["attributes"], shown["changes"][0]["old"]):
        assert len(values) == MAX_ATTRIBUTES
        assert {len(name) for name in values} == {MAX_NAME}
        assert {len(value) for value in values.values()} == {MAX_TEXT}
