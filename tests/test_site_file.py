"""A site file and its XSLT steps, read from disk and put into effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.errors import SiteFileError, TransformError
from qmfagent.site_file import SiteMangler, read_bounded, read_site_rules
from tests.cib.helpers import cib, dummy, pairs, ticket
from tests.cib.ticket_rules import attributes, expression, rule

SOURCE = closure(cib(dummy("a", pairs("i", ip="10.1.0.1")), ticket("c", "a")), "T")
OVERRIDE = '[[override]]\nselect = "nvpair[@id=\'i-ip\']"\nvalue = "10.2.0.1"\n'
STEP = """\
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>
<xsl:template match="nvpair/@value"><xsl:attribute name="value"><xsl:value-of select="."/>-{suffix}</xsl:attribute>
</xsl:template></xsl:stylesheet>"""


def ip(found: Closure) -> str:
    """The address in the closure."""
    return str(found.document.xpath("string(//nvpair[@id='i-ip']/@value)"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site file with an override and two steps."""
    (tmp_path / "one.xsl").write_text(STEP.format(suffix="one"))
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "two.xsl").write_text(STEP.format(suffix="two"))
    path = tmp_path / "site.toml"
    path.write_text(f'xslt = ["one.xsl", "steps/two.xsl"]\n{OVERRIDE}')
    return path


def test_overrides_come_first_then_the_steps_in_their_order(site: Path) -> None:
    mangled = SiteMangler(site)(SOURCE, {})
    assert ip(mangled.closure) == "10.2.0.1-one-two"
    assert [len(use.places) for use in mangled.uses] == [1]


def test_without_a_file_nothing_changes() -> None:
    mangled = SiteMangler(None)(SOURCE, {})
    assert mangled.closure is SOURCE
    assert mangled.uses == ()


def test_steps_are_relative_to_the_site_file(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert [step.name for step in read_site_rules(site).steps] == [
        str(site.parent / "one.xsl"),
        str(site.parent / "steps" / "two.xsl"),
    ]


def test_steps_that_are_named_take_the_place_of_the_files(site: Path) -> None:
    named = [site.parent / "steps" / "two.xsl", site.parent / "one.xsl"]
    assert ip(SiteMangler(site, named)(SOURCE, {}).closure) == "10.2.0.1-two-one"
    assert ip(SiteMangler(None, named)(SOURCE, {}).closure) == "10.1.0.1-two-one"
    with pytest.raises(TransformError, match=r"gone\.xsl"):
        SiteMangler(None, [site.parent / "gone.xsl"]).rules()


def test_a_missing_site_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SiteFileError, match=r"site\.toml: No such file or directory; check its name and permissions"):
        read_site_rules(tmp_path / "site.toml")


def test_a_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(SiteFileError, match="Is a directory"):
        read_site_rules(tmp_path)


def test_a_missing_step_is_named(site: Path) -> None:
    (site.parent / "one.xsl").unlink()
    with pytest.raises(TransformError, match=r"one\.xsl: No such file or directory; name XSLT steps relative"):
        read_site_rules(site)


def test_a_fault_in_a_step_is_found_when_it_runs(site: Path) -> None:
    (site.parent / "steps" / "two.xsl").write_text("<xsl:stylesheet")
    with pytest.raises(TransformError, match=r"two\.xsl, line 1: not well-formed XML"):
        SiteMangler(site)(SOURCE, {})


def test_what_is_far_too_large_is_refused_and_never_read_whole(site: Path) -> None:
    step = site.parent / "one.xsl"
    with step.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TransformError, match=r"one\.xsl: it has more than the 1,048,576 bytes"):
        read_site_rules(site)
    with site.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SiteFileError, match=r"site\.toml: it has more than the 1,048,576 bytes"):
        read_site_rules(site)


def test_a_device_without_end_is_refused(site: Path) -> None:
    site.write_text('xslt = ["/dev/zero"]\n')
    with pytest.raises(TransformError, match="/dev/zero: it has more than"):
        read_site_rules(site)


def test_a_step_of_just_the_largest_size_is_read(site: Path) -> None:
    step = site.parent / "one.xsl"
    step.write_bytes(step.read_bytes().ljust(1024 * 1024))
    assert ip(SiteMangler(site)(SOURCE, {}).closure) == "10.2.0.1-one-two"


def test_reading_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    assert read_bounded(tmp_path / "file", 100) == b"x" * 100
    assert read_bounded(tmp_path / "file", 10) == b"x" * 11


def test_an_edit_of_the_site_file_counts_at_once(site: Path) -> None:
    mangler = SiteMangler(site)
    mangler(SOURCE, {})
    site.write_text(OVERRIDE.replace("10.2.0.1", "10.2.0.2"))
    assert ip(mangler(SOURCE, {}).closure) == "10.2.0.2"


def test_the_tickets_whose_rules_ask_for_another_are_known() -> None:
    rules = attributes("s", rule("r", expression("e", "eq", "granted", "U") + expression("f", "eq", "revoked", "T")))
    asking = closure(cib(dummy("a", rules), ticket("c", "a")), "T")
    mangler = SiteMangler(None)
    mangler(asking, {})
    assert [mangler.asking([name]) for name in "TUV"] == [["T"], ["T"], []]
    mangler(SOURCE, {})
    assert mangler.asking("TU") == []
