"""Updates of transient attributes: recognised for certain, joined, and as good as one after the other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmfagent.cib import document
from qmfagent.cib.status import node_states, resource_states
from qmfagent.cib.transient import TransientUpdates, may_wait
from qmfagent.cib.version import Version
from qmfagent.errors import PatchError
from tests.cib.helpers import cib

NODE = (
    '<node_state id="{0}" uname="n{0}" in_ccm="true" crmd="online" join="member"><lrm id="{0}"><lrm_resources/></lrm>'
    '<transient_attributes id="{0}"><instance_attributes id="status-{0}"><nvpair id="a{0}" name="ping" value="0"/>'
    '<nvpair id="b{0}" name="load" value="0"/></instance_attributes></transient_attributes></node_state>'
)
BASE = cib(status=NODE.format(1) + NODE.format(2) + '<tickets><ticket_state id="T" granted="true"/></tickets>')
SET = "/cib/status/node_state[@id='{0}']/transient_attributes[@id='{0}']/instance_attributes[@id='status-{0}']"
PAIR = SET + "/nvpair[@id='{1}{0}']"


def update(number: int, *values: tuple[int, str, str], name: str = "ping", head: str = "num_updates") -> bytes:
    """A patchset as libcib dumps it: from num_updates `number` on, values of pairs (node, which of its two pairs)."""
    changes = "".join(
        f'<change operation="modify" path="{PAIR.format(node, which)}"><change-list>'
        f'<change-attr name="value" operation="set" value="{value}"/></change-list><change-result>'
        f'<nvpair id="{which}{node}" name="{name}" value="{value}"/></change-result></change>'
        for node, which, value in values
    )
    return (
        (
            f'<diff format="2"><version><source admin_epoch="0" epoch="5" num_updates="{number}"/>'
            f'<target admin_epoch="0" epoch="5" num_updates="{number + 1}"/></version><change operation="modify" path="/cib">'
            f'<change-list><change-attr name="{head}" operation="set" value="{number + 1}"/></change-list><change-result>'
            f'<cib admin_epoch="0" epoch="5" num_updates="{number + 1}"/></change-result></change>{changes}</diff>'
        )
        .replace("'", "&apos;")
        .encode()
    )


def joined(*patchsets: bytes) -> TransientUpdates:
    updates = TransientUpdates()
    for patchset in patchsets:
        recognised = may_wait(patchset)
        assert recognised
        updates.add(recognised)
    return updates


def test_an_update_is_recognised_and_leaves_everything_else_as_it_is() -> None:
    updates = joined(update(3, (1, "a", "7"), (2, "b", "x &lt; y")))
    assert updates.target == Version(0, 5, 4)
    after = BASE.advance(updates.patchset(BASE.version))
    assert after.status is not None
    assert [pair.get("value") for pair in after.status.iter("nvpair")] == ["7", "0", "0", "x < y"]
    assert (str(after.version), after.head | BASE.head) == ("0.5.4", BASE.head)
    assert after.configuration is BASE.configuration
    assert after.tickets == BASE.tickets
    assert (node_states(after), resource_states(after)) == (node_states(BASE), resource_states(BASE))


def changed(old: str, new: str) -> bytes:
    data = update(3, (1, "a", "7"))
    assert old.encode() in data
    return data.replace(old.encode(), new.encode())


@pytest.mark.parametrize(
    "patchset",
    [
        b"",
        update(3),
        update(3, (1, "a", "1"), name="standby"),
        update(3, (1, "a", "1"), name="maintenance"),
        update(3, (1, "a", "1"), name="fail-count-db#monitor_10000"),
        update(3, (1, "a", "1"), head="have-quorum"),
        changed('path="/cib"', 'path="/cib/status"'),
        changed('operation="modify" path="/cib/status', 'operation="delete" path="/cib/status'),
        changed('<target admin_epoch="0" epoch="5"', '<target admin_epoch="0" epoch="6"'),
        changed('<change-attr name="value"', '<change-attr name="id"'),
        changed('<change-list><change-attr name="value"', '<change-list><change-attr name="name"/><change-attr name="value"'),
        changed("/cib/status/node_state", "/cib/status/tickets"),
        changed("/instance_attributes[@id=&apos;status-1&apos;]", ""),
        changed("/nvpair[@id=&apos;a1&apos;]", "/rule[@id=&apos;a1&apos;]"),
        changed("[@id=&apos;a1&apos;]", "[@id=&apos;a1&apos;]/x[@id=&apos;y&apos;]"),
        changed("</diff>", '<change operation="delete" path="/cib/status/tickets"/></diff>'),
        changed("</diff>", "</diff> "),
    ],
)  # fmt: skip
def test_anything_else_may_not_wait(patchset: bytes) -> None:
    assert not may_wait(patchset)


EIGHT = (1, "a", "8")
OTHER_EPOCH = update(4, EIGHT).replace(b'epoch="5"', b'epoch="6"')


@pytest.mark.parametrize("second", [update(2, EIGHT), update(3, EIGHT), update(5, EIGHT), OTHER_EPOCH])
def test_a_missing_one_is_noticed(second: bytes) -> None:
    updates = joined(update(3, (1, "a", "7")), second)
    with pytest.raises(PatchError, match="not all updates"):
        updates.patchset(BASE.version)


def test_they_do_not_fit_a_cib_that_has_missed_something() -> None:
    with pytest.raises(PatchError, match="does not fit"):
        BASE.advance(joined(update(4, (1, "a", "7"))).patchset(BASE.version))


def test_many_are_joined_to_few() -> None:
    updates = joined(*(update(number, (1, "a", str(number))) for number in range(3, 1003)))
    assert (len(updates._unread) < 256, len(updates._changes)) == (True, 1)
    after = BASE.advance(updates.patchset(BASE.version))
    assert after.status is not None
    assert (str(after.version), after.status.find(".//nvpair").get("value")) == ("0.5.1003", "1002")


VALUES = st.tuples(st.sampled_from([1, 2]), st.sampled_from("ab"), st.sampled_from(["0", "1", "2", "ä &amp; &quot;"]))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(VALUES, min_size=1, max_size=3), min_size=1, max_size=8), st.data())
def test_joined_is_as_good_as_one_after_the_other(steps: list[list[tuple[int, str, str]]], data: st.DataObject) -> None:
    """Wherever among them a CIB stands that they are joined to."""
    updates, snapshots = TransientUpdates(), [BASE]
    for number, values in enumerate(steps, BASE.version.num_updates):
        patchset = update(number, *values)
        recognised = may_wait(patchset)
        assert recognised
        updates.add(recognised)
        snapshots.append(snapshots[-1].advance(document.parse_element(patchset)))
    start = data.draw(st.sampled_from(snapshots[:-1]))
    at_once, last = start.advance(updates.patchset(start.version)), snapshots[-1]
    assert at_once.status is not None
    assert last.status is not None
    assert document.canonical(at_once.status) == document.canonical(last.status)
    assert at_once.version == last.version
