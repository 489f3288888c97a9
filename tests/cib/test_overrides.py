"""The site file: what it may hold, what each fault is called, what the overrides do."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling.overrides import OverrideUse, parse_site_file
from qmfagent.errors import SiteFileError
from tests.cib.helpers import cib, dummy, overridden, pairs, ticket

SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "schemas" / "site.schema.json").read_text(encoding="utf-8"))
)
SOURCE = closure(
    cib(
        dummy(
            "a",
            pairs("i", ip="10.1.0.1", nic="eth0") + '<operations><op id="o" name="start" interval="0s"/></operations>',
        )
        + dummy("b", pairs("j", ip="10.1.0.2")),
        ticket("c", "a") + ticket("d", "b"),
    ),
    "T",
)


def entry(select: str, value: str = "new") -> str:
    """One [[override]] table."""
    return f"[[override]]\nselect = {json.dumps(select)}\nvalue = {json.dumps(value)}\n"


def put(text: str, source: Closure = SOURCE) -> tuple[Closure, tuple[OverrideUse, ...]]:
    """The closure with a site file's overrides in effect."""
    return overridden(source, *parse_site_file(text.encode(), "site.toml").overrides)


def value(found: Closure, identifier: str) -> str:
    """The value of an nvpair."""
    return str(found.document.xpath("string(//nvpair[@id=$i]/@value)", i=identifier))


class TestReading:
    def test_all_that_it_may_hold(self) -> None:
        site = parse_site_file(b'xslt = ["a.xsl", "b.xsl"]\n\n[[override]]\nselect = "x"\nvalue = "1"\n', "site.toml")
        assert site.xslt == ("a.xsl", "b.xsl")
        assert [(o.select, o.value, o.line) for o in site.overrides] == [("x", "1", 4)]

    def test_nothing_at_all(self) -> None:
        assert parse_site_file(b"# none yet\n", "site.toml").overrides == ()

    @pytest.mark.parametrize(
        ("text", "line", "words"),
        [
            ('colour = "red"\n', 1, "unknown key 'colour'"),
            ('\n[[overide]]\nselect = "x"\n', 2, "unknown key 'overide'"),
            ('override = "x"\n', 1, "'override' must be a list of tables"),
            ('[override]\nselect = "x"\n', 1, "'override' must be a list of tables"),
            ('xslt = "a.xsl"\n', 1, "'xslt' must be a list of file names"),
            ('\nxslt = ["a.xsl", 1]\n', 2, "'xslt' must be a list of file names"),
            ('xslt = [""]\n', 1, "'xslt' must be a list of file names"),
            ('[[override]]\nselect = "x"\n', 1, "has no 'value'"),
            ('[[override]]\nselect = "x"\n[[override]]\nselect = "y"\nvalue = "1"\n', 1, "has no 'value'"),
            ('# one\n[[override]]\nvalue = "1"\n', 2, "has no 'select'"),
            (
                '[[override]]\nselect = "x"\nvalue = "1"\n[[override]]\nselect = "y"\nvalue = 5\n',
                6,
                "'value' must be a string",
            ),
            ('[[override]]\nselect = 1\nvalue = "1"\n', 2, "'select' must be a string"),
            ('[[override]]\nselect = "x"\nvalue = "1"\nwhen = "now"\n', 4, "unknown key 'when' in [[override]]"),
            ('[[override]]\nselect = "x"\nvalue = "a\\u0001"\n', 3, "a character that XML can't hold"),
        ],
    )
    def test_a_fault_names_file_line_and_key(self, text: str, line: int, words: str) -> None:
        with pytest.raises(SiteFileError) as caught:
            parse_site_file(text.encode(), "site.toml")
        assert str(caught.value).startswith(f"site.toml, line {line}: ")
        assert words in str(caught.value)
        assert caught.value.hint
        assert not SCHEMA.is_valid(tomllib.loads(text))

    @pytest.mark.parametrize("select", ["", "a[", "nvpair[@id='x]", "a//", "||"])
    def test_a_select_that_is_no_xpath(self, select: str) -> None:
        with pytest.raises(SiteFileError, match=r"^site\.toml, line 2: 'select' is no XPath"):
            parse_site_file(entry(select).encode(), "site.toml")

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"[[override]\n", "site.toml: no valid TOML: .*line 1"),
            (b'x = "1"\nx = "2"\n', "no valid TOML"),
            (b"# ok\n# \xff\n", "site.toml, line 2: not UTF-8"),
            (b"x = " + b"[" * 100_000, "nested too deeply"),
        ],
        ids=["malformed", "twice", "bad UTF-8", "deep"],
    )
    def test_what_is_no_toml(self, data: bytes, words: str) -> None:
        with pytest.raises(SiteFileError, match=words):
            parse_site_file(data, "site.toml")

    @pytest.mark.parametrize(
        "text", ["", 'xslt = ["a.xsl"]', entry("x") + entry("y", "ä\n"), 'override = [{select = "x", value = ""}]']
    )
    def test_the_schema_takes_what_the_code_takes(self, text: str) -> None:
        parse_site_file(text.encode(), "site.toml")
        SCHEMA.validate(tomllib.loads(text))

    def test_the_schema_takes_the_file_in_the_documentation(self, data: Path) -> None:
        SCHEMA.validate(tomllib.loads((data / "site-b.toml").read_text()))


class TestEffect:
    @pytest.mark.parametrize(
        "select",
        [
            "primitive[@id='a']/instance_attributes/nvpair[@name='ip']",
            "nvpair[@id='i-ip']",
            "//nvpair[@id='i-ip']",
            "nvpair[@id='i-ip']/@value",
            "primitive[@id='a']//nvpair[@name='ip']",
            "primitive[1]/instance_attributes/nvpair[1]",
            'nvpair[@id="i-ip" and @name="ip"]',
            "nvpair[starts-with(@id, 'i-i')]",
        ],
    )
    def test_sets_the_value_of_an_nvpair(self, select: str) -> None:
        found, uses = put(entry(select))
        assert (value(found, "i-ip"), value(found, "i-nic"), value(found, "j-ip")) == ("new", "eth0", "10.1.0.2")
        (use,) = uses
        assert use.places[0].startswith(
            "/cib/configuration/resources/primitive[@id='a']/instance_attributes[@id='i']/nvpair[@id='i-ip']"
        )

    def test_sets_every_place_and_both_sides_of_a_union(self) -> None:
        assert {value(put(entry("nvpair[@name='ip']"))[0], i) for i in ("i-ip", "j-ip")} == {"new"}
        found, uses = put(entry("nvpair[@id='i-nic'] | primitive[@id='b']//nvpair"))
        assert (value(found, "i-ip"), value(found, "i-nic"), value(found, "j-ip")) == ("10.1.0.1", "new", "new")
        assert len(uses[0].places) == 2

    def test_sets_an_attribute(self) -> None:
        found, uses = put(entry("op[@id='o']/@interval", "7s"))
        assert b'interval="7s"' in found.lines["a"]
        assert uses[0].places[0].endswith("/op[@id='o']/@interval")

    def test_leaves_the_source_as_it_was(self) -> None:
        put(entry("nvpair[@id='i-ip']"))
        assert value(SOURCE, "i-ip") == "10.1.0.1"

    def test_the_last_of_several_wins(self) -> None:
        assert value(put(entry("nvpair[@id='i-ip']", "1") + entry("nvpair", "2"))[0], "i-ip") == "2"

    def test_a_select_sees_the_publication_whatever_others_set(self) -> None:
        text = entry("nvpair[@id='i-ip']", "x") + entry("nvpair[@value='10.1.0.1']", "y")
        assert value(put(text)[0], "i-ip") == "y"

    @pytest.mark.parametrize("text", ["<&'\"", "ä\n\t", ""])
    def test_any_value_arrives(self, text: str) -> None:
        assert value(put(entry("nvpair[@id='i-ip']", text))[0], "i-ip") == text

    def test_one_that_meets_nothing_says_so(self) -> None:
        found, (use,) = put(entry("nvpair[@id='other']"))
        assert found is SOURCE
        assert use.places == ()
        assert (
            use.remark == "the override at line 2 of the site file touches nothing of this ticket: nvpair[@id='other']"
        )

    @pytest.mark.parametrize(
        ("select", "words"),
        [
            ("primitive[@id='a']", "meets a <primitive>, which has no value of its own; add /@attribute"),
            ("nvpair[@id='i-ip']/@id", "the attribute 'id', which must be the same at all sites"),
            ("(count(//nvpair))", "gives a value"),
            ("resources/text()", "meets text"),
            ("nvpair[nosuch()]", "can't be evaluated"),
            ("configuration/@x | /cib/configuration", "meets a <configuration>"),
        ],
    )
    def test_what_cannot_be_set_is_named_with_its_line(self, select: str, words: str) -> None:
        with pytest.raises(SiteFileError) as caught:
            put("# a remark\n" + entry(select))
        assert str(caught.value).startswith("site.toml, line 3: 'select' ")
        assert words in str(caught.value)
        assert caught.value.hint == f"select = {select!r}"

    def test_an_nvpair_that_is_defined_elsewhere(self) -> None:
        source = closure(
            cib(
                dummy("a", pairs("i", n="1"))
                + dummy("b", '<instance_attributes id="j"><nvpair id-ref="i-n" name="m"/></instance_attributes>'),
                ticket("c", "a") + ticket("d", "b"),
            ),
            "T",
        )
        with pytest.raises(SiteFileError, match="defined elsewhere"):
            put(entry("nvpair[@name='m']"), source)
        with pytest.raises(SiteFileError, match="'id-ref', which must be the same"):
            put(entry("nvpair[@name='m']/@id-ref"), source)
