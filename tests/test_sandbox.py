"""XSLT steps in a process of their own: the result, the faults, and the limits that hold against any stylesheet."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qmfagent.cib.mangling.transform import Stylesheet, transform
from qmfagent.errors import TransformError
from qmfagent.sandbox import transform_limited

MEBIBYTE = 1024 * 1024
PATIENCE = 120
"""Seconds, where another limit is to be reached first on a slow machine too."""
CIB = b"<cib><configuration>" + b"<resources/>" * 200 + b"</configuration></cib>"
IDENTITY = (
    '<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>'
)

# Two hundred nodes, each looked at for each other, five times over: weeks of work.
LOOPS = '<xsl:for-each select="//*">' * 5 + '<xsl:if test="false()"/>' + "</xsl:for-each>" * 5
# A text that doubles forty times.
DOUBLING = (
    '<xsl:template name="grow"><xsl:param name="text"/><xsl:param name="left"/><xsl:choose>'
    '<xsl:when test="$left = 0"><xsl:value-of select="$text"/></xsl:when><xsl:otherwise>'
    '<xsl:call-template name="grow"><xsl:with-param name="text" select="concat($text, $text)"/>'
    '<xsl:with-param name="left" select="$left - 1"/></xsl:call-template></xsl:otherwise></xsl:choose></xsl:template>'
)


def step(body: str) -> Stylesheet:
    """A stylesheet with an identity template and this body."""
    head = '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    return Stylesheet("step.xsl", f"{head}{IDENTITY}{body}</xsl:stylesheet>".encode())


def doubled(times: int) -> Stylesheet:
    """A step whose result has an attribute of 2 to the `times` characters."""
    return step(
        f'{DOUBLING}<xsl:template match="/"><cib><configuration><xsl:attribute name="x"><xsl:call-template name="grow">'
        f'<xsl:with-param name="text" select="\'x\'"/><xsl:with-param name="left" select="{times}"/>'
        "</xsl:call-template></xsl:attribute></configuration></cib></xsl:template>"
    )


def test_the_result_is_that_of_the_transformation() -> None:
    steps = [step(""), doubled(3)]
    assert transform_limited(steps, CIB) == transform(steps, CIB) == (
        b'<cib><configuration x="xxxxxxxx"></configuration></cib>'
    )  # fmt: skip


def test_a_result_larger_than_a_pipe_arrives_whole() -> None:
    large = CIB.replace(b"<resources/>", b'<resources a="' + b"x" * 10_000 + b'"/>')
    assert transform_limited([step("")], large, PATIENCE) == transform([step("")], large)


def test_a_fault_is_told_as_without_a_sandbox() -> None:
    broken = step('<xsl:template match="/"/>')
    with pytest.raises(TransformError) as within:
        transform_limited([broken], CIB)
    with pytest.raises(TransformError) as without:
        transform([broken], CIB)
    assert str(within.value) == str(without.value)


def test_a_document_that_is_none_is_told_too() -> None:
    with pytest.raises(TransformError, match="not well-formed XML"):
        transform_limited([step("")], b"<cib>")


def test_time_is_limited() -> None:
    started = time.monotonic()
    endless = step(f'<xsl:template match="/">{LOOPS}</xsl:template>')
    with pytest.raises(
        TransformError, match=r"^step\.xsl: (still running after 1 s, and was stopped|stopped by its limits)"
    ):
        transform_limited([endless], CIB, seconds=1)
    assert time.monotonic() - started < PATIENCE


def test_a_process_that_stands_still_is_given_up() -> None:
    """It uses no CPU time, so that the clock alone can tell. It has some seconds, in which it is found and stopped."""
    endless = step(f'<xsl:template match="/">{LOOPS}</xsl:template>')
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(transform_limited, [endless], CIB, seconds=5)
        while not (running := multiprocessing.active_children()) and not outcome.done():
            time.sleep(0.001)
        os.kill(int(running[0].pid or 0), signal.SIGSTOP)
        with pytest.raises(TransformError, match=r"^step\.xsl: still running after 5 s, and was stopped$"):
            outcome.result(timeout=PATIENCE)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("times", [28, 40])
def test_memory_is_limited(times: int) -> None:
    with pytest.raises(
        TransformError, match=r"^step\.xsl: (Failed to evaluate|it needs more than|stopped by its limits)"
    ):
        transform_limited([doubled(times)], CIB, PATIENCE, 256 * MEBIBYTE)


def test_size_of_the_result_is_limited() -> None:
    """Within the memory that a step may use, yet more than a CIB may have."""
    many = (
        '<xsl:for-each select="//resources">' * 2
        + '<tag id="{generate-id()}" x="'
        + "x" * 2_000
        + '"/>'
        + "</xsl:for-each>" * 2
    )
    bomb = step(f'<xsl:template match="/"><cib><configuration>{many}</configuration></cib></xsl:template>')
    with pytest.raises(TransformError, match=r"^the result of step\.xsl has 80,\d+,\d+ bytes, more than"):
        transform_limited([bomb], CIB, PATIENCE)


def test_size_of_the_canonical_result_is_limited_too() -> None:
    """Canonical XML writes out the end of an empty element: forty megabytes become eighty."""
    many = '<xsl:for-each select="//resources">' * 2 + f"<{'x' * 1_000}/>" + "</xsl:for-each>" * 2
    bomb = step(f'<xsl:template match="/"><cib><configuration>{many}</configuration></cib></xsl:template>')
    with pytest.raises(TransformError, match=r"^step\.xsl: the result has more than the 67,108,864 bytes"):
        transform_limited([bomb], CIB, PATIENCE)


def test_an_attribute_without_measure_is_one_clear_line() -> None:
    with pytest.raises(
        TransformError, match=r"^the result of step\.xsl is not well-formed XML: line 1: Resource limit"
    ) as error:
        transform_limited([doubled(24)], CIB, PATIENCE)
    assert "\n" not in str(error.value)


def test_nothing_is_written(tmp_path: Path) -> None:
    target = tmp_path / "written"
    with pytest.raises(TransformError):
        transform_limited([step(f'<xsl:template match="/"><xsl:document href="{target}"/></xsl:template>')], CIB)
    assert not target.exists()


def test_no_process_is_left_behind() -> None:
    for body, seconds in (
        ("", 10),
        ('<xsl:template match="/"/>', 10),
        (f'<xsl:template match="/">{LOOPS}</xsl:template>', 1),
    ):
        try:
            transform_limited([step(body)], CIB, seconds=seconds)
        except TransformError:
            continue
    assert multiprocessing.active_children() == []
