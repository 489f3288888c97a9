"""XSLT steps: what they do, and that they reach nothing outside the document."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmfagent.cib.document import canonical, parse_element
from qmfagent.cib.mangling.transform import Stylesheet, transform
from qmfagent.errors import CibError, TransformError

IDENTITY = (
    '<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>'
)
CIB = b'<cib><configuration><resources><primitive id="a" type="Dummy"/></resources></configuration></cib>'


def step(body: str, *, attributes: str = "", head: str = "", name: str = "step.xsl") -> Stylesheet:
    """A stylesheet with an identity template and this body."""
    return Stylesheet(
        name,
        f'{head}<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" {attributes}>\n'
        f"{IDENTITY}\n{body}</xsl:stylesheet>".encode(),
    )


def rename(old: str, new: str) -> Stylesheet:
    """A step that gives a primitive of type `old` the type `new`."""
    return step(
        f'<xsl:template match="primitive/@type[.=\'{old}\']"><xsl:attribute name="type">{new}</xsl:attribute></xsl:template>'
    )


def says(expression: str) -> Stylesheet:
    """A step that puts the value of an expression into the type of the primitive."""
    return step(
        f'<xsl:template match="primitive/@type"><xsl:attribute name="type"><xsl:value-of select="{expression}"/>'
        "</xsl:attribute></xsl:template>"
    )


class TestEffect:
    def test_a_step_changes_what_it_matches(self) -> None:
        assert transform([rename("Dummy", "Stateful")], CIB) == canonical(
            parse_element(CIB.replace(b"Dummy", b"Stateful"))
        )

    def test_steps_run_one_after_the_other(self) -> None:
        assert b'type="C"' in transform([rename("Dummy", "B"), rename("B", "C")], CIB)
        assert b'type="B"' in transform([rename("B", "C"), rename("Dummy", "B")], CIB)

    def test_no_step_leaves_the_canonical_document(self) -> None:
        assert transform([], CIB) == canonical(parse_element(CIB))

    def test_the_result_is_read_again_safely(self) -> None:
        """Text, comments' content and instructions mean nothing in a CIB."""
        odd = step(
            '<xsl:template match="primitive"><xsl:processing-instruction name="p">x</xsl:processing-instruction>text'
            '<xsl:copy><xsl:apply-templates select="@*"/></xsl:copy></xsl:template>'
        )
        assert transform([odd], CIB) == canonical(parse_element(CIB))


class TestFaults:
    """Each names the step, and the line where there is one."""

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"<xsl:stylesheet", "step.xsl, line 1: not well-formed XML"),
            (b"", "step.xsl, line 1: not well-formed XML"),
            (b"<cib/>", "step.xsl: no valid XSLT"),
            (step('<xsl:template match="]"/>').data, "step.xsl: no valid XSLT"),
            (step("<xsl:param").data, "step.xsl, line 3: not well-formed XML"),
        ],
        ids=["cut off", "empty", "no stylesheet", "bad match", "cut off later"],
    )
    def test_what_is_no_stylesheet(self, data: bytes, words: str) -> None:
        with pytest.raises(TransformError) as caught:
            transform([Stylesheet("step.xsl", data)], CIB)
        assert str(caught.value).startswith(words)

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ('<xsl:template match="/"/>', "its result is no <cib> document"),
            (
                '<xsl:template match="/"><html/></xsl:template>',
                "its result is no <cib> document; start from an identity",
            ),
            ('<xsl:template match="configuration"/>', "the cib element must hold exactly one configuration"),
            (
                '<xsl:template match="/"><xsl:message terminate="yes">not here</xsl:message></xsl:template>',
                "step.xsl: ",
            ),
            ('<xsl:template match="/"><xsl:value-of select="nosuch()"/></xsl:template>', "step.xsl: "),
        ],
        ids=["nothing", "something else", "no configuration", "terminated", "unknown function"],
    )
    def test_a_result_that_is_no_cib(self, body: str, words: str) -> None:
        with pytest.raises(TransformError) as caught:
            transform([step(body)], CIB)
        assert words in str(caught.value)
        assert "step.xsl" in str(caught.value)

    def test_names_the_step_that_fails(self) -> None:
        with pytest.raises(TransformError, match=r"^second\.xsl: "):
            transform([rename("a", "b"), step('<xsl:template match="/"/>', name="second.xsl")], CIB)

    def test_recursion_without_end(self) -> None:
        endless = step('<xsl:template match="/"><xsl:call-template name="t"/></xsl:template>'
                       '<xsl:template name="t"><xsl:call-template name="t"/></xsl:template>')  # fmt: skip
        with pytest.raises(TransformError, match=r"^step\.xsl: "):
            transform([endless], CIB)


class TestShut:
    """Nothing outside of the document is within reach."""

    @pytest.fixture
    def secret(self, tmp_path: Path) -> Path:
        """A well-formed file that a step would like to read."""
        path = tmp_path / "secret.xml"
        path.write_text(
            '<cib><configuration><resources><primitive id="s" type="SECRET"/></resources></configuration></cib>'
        )
        return path

    @pytest.mark.parametrize(
        "function", ["document('{}')//@type", "document ( '{}' )//@type", "document(string('{}'))//@type"]
    )
    def test_document_is_refused_by_name(self, secret: Path, function: str) -> None:
        with pytest.raises(
            TransformError, match=r"step\.xsl, line 3: select calls document\(\), and a step may load nothing"
        ):
            transform([says(function.format(secret))], CIB)

    def test_document_in_a_template_of_attributes(self, secret: Path) -> None:
        body = f'<xsl:template match="primitive"><primitive id="a" type="{{document(\'{secret}\')//@type}}"/></xsl:template>'
        with pytest.raises(TransformError, match=r"type calls document\(\)"):
            transform([step(body)], CIB)

    @pytest.mark.parametrize("element", ["import", "include"])
    @pytest.mark.parametrize("url", ["{}", "file://{}", "http://127.0.0.1:9/x.xsl"])
    def test_import_and_include(self, secret: Path, element: str, url: str) -> None:
        data = (
            '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">\n'
            f'<xsl:{element} href="{url.format(secret)}"/></xsl:stylesheet>'
        )
        with pytest.raises(TransformError, match=r"step\.xsl, line 2: a step may include nothing"):
            transform([Stylesheet("step.xsl", data.encode())], CIB)

    @pytest.mark.parametrize(
        "doctype",
        [
            '<!DOCTYPE x [<!ENTITY e SYSTEM "file://{}">]>',
            '<!DOCTYPE x SYSTEM "file://{}">',
            '<!DOCTYPE x [<!ENTITY e "boom">]>',
        ],
    )
    def test_external_entities(self, secret: Path, doctype: str) -> None:
        with pytest.raises(TransformError, match="may have no document type declaration"):
            transform([step("", head=doctype.format(secret))], CIB)

    @pytest.mark.parametrize(
        ("attributes", "body"),
        [
            ('xmlns:e="http://exslt.org/common" extension-element-prefixes="e"',
             '<xsl:template match="/"><e:document href="{}"/></xsl:template>'),
            ('xmlns:x="http://icl.com/saxon" extension-element-prefixes="x"',
             '<xsl:template match="/"><x:output file="{}"/></xsl:template>'),
            ("", '<xsl:template match="/"><e:document xmlns:e="http://exslt.org/common" href="{}"'
             ' xsl:extension-element-prefixes="e"/></xsl:template>'),
        ],
        ids=["exslt", "saxon", "on the element"],
    )  # fmt: skip
    def test_extension_elements_that_write(self, tmp_path: Path, attributes: str, body: str) -> None:
        written = tmp_path / "written"
        with pytest.raises(TransformError, match="extension"):
            transform([step(body.format(written), attributes=attributes)], CIB)
        assert not written.exists()

    @pytest.mark.parametrize(
        ("namespace", "call"),
        [
            ("http://exslt.org/dynamic", "x:evaluate('/')"),
            ("http://exslt.org/regular-expressions", "x:match('a', 'a')"),
            ("http://exslt.org/strings", "x:padding(1000000000)"),
            ("http://exslt.org/common", "x:node-set(.)"),
        ],
    )
    def test_extension_functions(self, namespace: str, call: str) -> None:
        body = f'<xsl:template match="/"><xsl:value-of select="{call}"/></xsl:template>'
        with pytest.raises(TransformError, match=f"the namespace {namespace} belongs to no CIB"):
            transform([step(body, attributes=f'xmlns:x="{namespace}"')], CIB)

    def test_the_document_itself_may_bring_no_entity_in(self) -> None:
        hostile = (
            b'<!DOCTYPE cib [<!ENTITY e SYSTEM "file:///etc/passwd">]><cib><configuration>&e;</configuration></cib>'
        )
        with pytest.raises(CibError, match="document type declaration"):
            transform([step("")], hostile)
