"""Mangling again: exactly what a full run gives, and no more work than what has changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling import incremental
from qmfagent.cib.mangling.incremental import Memory, mangle_again
from qmfagent.cib.mangling.mangle import Mangled, SiteRules, mangle
from qmfagent.cib.mangling.overrides import Override, SiteFile
from qmfagent.cib.mangling.transform import Stylesheet, transform
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import TicketState
from qmfagent.errors import QmfAgentError
from tests.cib.helpers import cib, dummy, pairs, ticket
from tests.cib.strategies import cibs, edits
from tests.cib.ticket_rules import ALWAYS, attributes, expression, rule, with_ticket_rules

SELECTS = (
    "nvpair[@name='n0']",
    "primitive[@id='r0']/instance_attributes/nvpair[@name='n1']",
    "primitive//nvpair[@value='7']",
    "op[@name='monitor']/@timeout",
    "primitive[@type='Dummy']/@description",
    "rsc_ticket[@id='c0']/@loss-policy",
    "rsc_location/@score",
    # not plain
    "nvpair[position() = 1]/@name",
    "nvpair[@name='n2'] | nvpair[@name='n3']",
    "//primitive[last()]//nvpair",
)
IDENTITY = Stylesheet(
    "identity.xsl",
    b'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="@*|node()">'
    b'<xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template></xsl:stylesheet>',
)
STATES = (TicketState("U", granted=True), TicketState("U"), None)


@st.composite
def rules(draw: st.DrawFn) -> SiteRules:
    """A site's rules, more often than not with plain selects alone."""
    selects = SELECTS[:7] if draw(st.integers(0, 3)) else SELECTS
    entries = draw(
        st.lists(st.builds(Override, st.sampled_from(selects), st.sampled_from("xy7"), st.just(1)), max_size=4)
    )
    return SiteRules("site.toml", SiteFile(tuple(entries)), (IDENTITY,) if not draw(st.integers(0, 9)) else ())


def outcome(make) -> Mangled | str:
    """What comes of it, be it an error."""
    try:
        return make()
    except QmfAgentError as error:
        return str(error)


def told(found: Mangled | str) -> object:
    """All that is in it."""
    return found if isinstance(found, str) else (found, found.closure.sections, found.closure.canonical)


@given(
    cibs(borrow=False) | cibs(),
    st.lists(st.tuples(edits(), rules() | st.none(), st.sampled_from(STATES)), min_size=1, max_size=5),
    rules(),
    st.randoms(use_true_random=False),
)
def test_an_incremental_run_gives_what_a_full_one_does(source, steps, first, rng) -> None:
    memory: Memory | None = None
    now, states = first, {"U": STATES[0]}
    source = with_ticket_rules(source, rng)
    for edit, other, state in [(lambda same: same, None, STATES[0]), *steps]:
        source, now = edit(source), other or now
        states = {"U": state} if state else {}
        try:
            published = closure(Snapshot.of(source), "T")
        except QmfAgentError:
            continue

        def again(published=published, states=states, now=now) -> Mangled:
            nonlocal memory
            mangled, memory = mangle_again(memory, published, states, now, transform)
            return mangled

        assert told(outcome(again)) == told(outcome(lambda: mangle(published, states, now, transform)))  # noqa: B023


PUBLISHED = closure(
    cib(
        "".join(dummy(f"r{n}", pairs(f"i{n}", ip=f"10.1.0.{n}", state="/x")) for n in range(9)),
        "".join(ticket(f"c{n}", f"r{n}") for n in range(9)),
    ),
    "T",
)
RULES = SiteRules("site.toml", SiteFile((Override("nvpair[@name='state']", "/y", 1),)))


class TestWhatIsLookedAt:
    """The members that are done anew after a change."""

    @pytest.fixture
    def looked_at(self, monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
        """The ids of the members of each run."""
        found: list[set[str]] = []
        whole = incremental.mangle_members

        def watching(source: Closure, *arguments):
            found.append(set(source.lines))
            return whole(source, *arguments)

        monkeypatch.setattr(incremental, "mangle_members", watching)
        return found

    def again(self, source: Closure, rules: SiteRules = RULES, tickets=None, *, first: Closure = PUBLISHED) -> Mangled:
        """The closure mangled after the first one."""
        _, memory = mangle_again(None, first, {}, RULES, transform)
        return mangle_again(memory, source, tickets or {}, rules, transform)[0]

    def test_nothing_where_nothing_changed(self, looked_at: list[set[str]]) -> None:
        self.again(PUBLISHED)
        assert looked_at == [set(PUBLISHED.lines)]

    def test_the_changed_member_alone(self, looked_at: list[set[str]]) -> None:
        changed = PUBLISHED.renewed({"r3": PUBLISHED.lines["r3"].replace(b"10.1.0.3", b"10.1.0.33")})
        found = self.again(changed)
        assert looked_at[1:] == [{"r3"}]
        assert len(found.uses[0].places) == 9
        assert found.closure.lines["r3"].count(b"10.1.0.33") == found.closure.lines["r3"].count(b"/y") == 1

    def test_nothing_of_what_is_gone(self, looked_at: list[set[str]]) -> None:
        sections = {
            s: {i: line for i, line in m.items() if i not in ("r3", "c3")} for s, m in PUBLISHED.sections.items()
        }
        found = self.again(Closure("T", sections))
        assert looked_at[1:] == [set()]
        assert len(found.uses[0].places) == 8
        assert "r3" not in found.closure.lines

    def test_everything_where_a_select_may_depend_on_other_members(self, looked_at: list[set[str]]) -> None:
        rules = SiteRules("site.toml", SiteFile((Override("primitive[last()]//nvpair[@name='state']", "/y", 1),)))
        _, memory = mangle_again(None, PUBLISHED, {}, rules, transform)
        more = closure(
            cib(
                dummy("a", pairs("j", state="/x")) + dummy("r9", pairs("i9", state="/x")),
                ticket("ca", "a") + ticket("c9", "r9"),
            ),
            "T",
        )
        sections = {s: {**members, **more.sections[s]} for s, members in PUBLISHED.sections.items()}
        found, _ = mangle_again(memory, Closure("T", sections), {}, rules, transform)
        assert looked_at[-1] == sections["resources"].keys() | sections["constraints"].keys()
        assert [i for i, line in found.closure.lines.items() if b"/y" in line] == ["r9"]

    @pytest.mark.parametrize(
        "rules",
        [
            replace(RULES, site=SiteFile((Override("nvpair[@name='state']", "/z", 1),))),
            replace(RULES, site=SiteFile((Override("nvpair[last()]", "/y", 1),))),
        ],
    )
    def test_everything_where_the_sites_rules_are_others(self, looked_at: list[set[str]], rules: SiteRules) -> None:
        self.again(PUBLISHED, rules)
        assert looked_at[1:] == [set(PUBLISHED.lines)]

    def test_everything_where_a_ticket_that_is_asked_for_has_changed(self, looked_at: list[set[str]]) -> None:
        member = dummy("r1", attributes("s", rule("r", expression("e", "eq", "granted", "U"))))
        source = closure(cib(member, ticket("c1", "r1")), "T")
        assert b"<instance" not in self.again(source, first=source).closure.lines["r1"]
        assert len(looked_at) == 1
        assert b"<instance" in self.again(source, tickets={"U": STATES[0]}, first=source).closure.lines["r1"]
        assert looked_at[-1] == set(source.lines)

    def test_everything_where_ticket_rules_may_be_borrowed(self, looked_at: list[set[str]]) -> None:
        resources = dummy("r1", attributes("s", rule("r", ALWAYS))) + dummy("r2", '<instance_attributes id-ref="s"/>')
        source = closure(cib(resources, ticket("c1", "r1") + ticket("c2", "r2")), "T")
        self.again(source.renewed({"r1": source.lines["r1"].replace(b"revoked", b"granted")}), first=source)
        assert looked_at[1:] == [set(source.lines)]
