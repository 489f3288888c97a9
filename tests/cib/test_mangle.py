"""A publication made fit for one site is still a closure of its ticket, or an error."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling.mangle import SiteRules, mangle
from qmfagent.cib.mangling.overrides import parse_site_file
from qmfagent.cib.mangling.transform import Stylesheet
from qmfagent.errors import SiteFileError, TransformError
from tests.cib.helpers import cib, dummy, pairs, ticket

SOURCE = closure(
    cib(
        dummy("a", pairs("i", n="1")) + dummy("b") + dummy("x"),
        ticket("c", "a") + ticket("d", "b") + '<rsc_order id="o" first="a" then="x"/>',
    ),
    "T",
)
STEPS = (Stylesheet("one.xsl", b""), Stylesheet("two.xsl", b""))


def mangled(site: str = "", *, old: str = "", new: str = "", steps: Sequence[Stylesheet] = ()) -> Closure:
    """The closure after a site file, and after steps that put `new` in the place of `old`."""

    def play(given: Sequence[Stylesheet], data: bytes) -> bytes:
        assert given == steps
        return data.replace(old.encode(), new.encode()) if old else new.encode()

    rules = SiteRules("site.toml", parse_site_file(site.encode(), "site.toml"), tuple(steps))
    return mangle(SOURCE, {}, rules, play).closure


def override(select: str, value: str) -> str:
    """One [[override]] table."""
    return f'[[override]]\nselect = "{select}"\nvalue = "{value}"\n'


def test_nothing_to_do_is_the_closure_itself() -> None:
    assert mangled() is SOURCE


def test_steps_see_what_the_overrides_made() -> None:
    found = mangled(override("nvpair[@id='i-n']", "2"), old='value="2"', new='value="3"', steps=STEPS)
    assert b'value="3"' in found.lines["a"]


def test_what_stayed_at_the_holder_is_still_known() -> None:
    assert [b.id for b in mangled(old='value="1"', new='value="2"', steps=STEPS).boundaries] == ["o"]
    assert [b.id for b in mangled(override("primitive[@id='a']/@type", "Stateful")).boundaries] == ["o"]


@pytest.mark.parametrize(
    ("select", "value", "words"),
    [
        ("rsc_ticket[@id='d']/@ticket", "U", "holds b, "),
        ("rsc_ticket[@id='d']/@rsc", "a", "holds b, which would not depend on ticket 'T'"),
        ("rsc_ticket[@id='d']/@rsc", "gone", "refers to 'gone'"),
        ("rsc_ticket[@id='d']/@rsc", "o", "refers to 'o'"),
    ],
)
def test_an_override_that_breaks_the_closure_is_named_by_its_line(select: str, value: str, words: str) -> None:
    with pytest.raises(SiteFileError) as caught:
        mangled(override("nvpair[@id='i-n']", "2") + override(select, value))
    assert str(caught.value).startswith("site.toml, line 5: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('rsc="b" ', 'rsc="a" ', "holds b, which would not depend on ticket 'T'; everything that is replicated has to"),
        ("</resources>", dummy("local") + "</resources>", "holds local, which would not depend"),
        ('ticket="T"', 'ticket="U"', "is no closure of ticket 'T'"),
        ("<tags>", '<tags><tag id="qmfagent-owned-T"/>', "kept for the record of what is owned"),
        ("<resources>", '<alerts><alert id="al" path="/x"/></alerts><resources>', "holds alert in alerts"),
        ("", "<cib><configuration/></cib>", "is empty; a site can change a publication, not withdraw it"),
        ("", "<cib", "is not well-formed XML"),
        ("", "<html/>", "not a <cib>"),
    ],
)
def test_a_step_whose_result_is_no_closure_is_named(old: str, new: str, words: str) -> None:
    with pytest.raises(TransformError) as caught:
        mangled(old=old, new=new, steps=STEPS)
    assert str(caught.value).startswith("the result of two.xsl ")
    assert words in str(caught.value)


def test_a_step_may_take_a_resource_away_with_its_constraints() -> None:
    rest = closure(cib(dummy("a"), ticket("c", "a")), "T").canonical.decode()
    assert set(mangled(new=rest, steps=STEPS).lines) == {"a", "c"}


def test_a_step_may_add_what_depends_on_the_ticket() -> None:
    more = closure(cib(dummy("a") + dummy("b") + dummy("n"), "".join(ticket(f"c{i}", i) for i in "abn")), "T").canonical
    assert set(mangled(new=more.decode(), steps=STEPS).lines) == {"a", "b", "n", "ca", "cb", "cn"}
