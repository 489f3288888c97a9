"""What the resource agents tell of themselves: well-formed, OCF 1.1, and true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from qmfagent.log import FORMATS
from qmfagent.ocf.agent import ResourceAgent
from qmfagent.ocf.metadata import KINDS, metadata
from qmfagent.ocf.parameters import LOG, LOG_FORMATS, Parameters
from tests.lab import requirements
from tests.ocf.conftest import Agent

DTD = Path("/usr/share/resource-agents/ra-api-1.dtd")
TOLD = ("meta-data", "validate-all", "start", "stop", "monitor", "promote", "demote")


@pytest.fixture(params=KINDS)
def document(request: pytest.FixtureRequest) -> etree._Element:
    return etree.fromstring(metadata(KINDS[request.param]).encode())


def test_they_are_valid(document: etree._Element) -> None:
    requirements.require(["ocf-tester"], root=False, packages="resource-agents")
    dtd = etree.DTD(str(DTD))
    assert dtd.validate(document), dtd.error_log
    assert document.findtext("version") == "1.1"


def test_the_actions_are_those_that_there_are(document: etree._Element) -> None:
    kind = KINDS[str(document.get("name"))]
    told = [str(action.get("name")) for action in document.iterfind("actions/action")]
    assert set(told) == set(ResourceAgent(kind, {}).actions())
    roles = [action.get("role") for action in document.iterfind("actions/action[@name='monitor']")]
    assert roles == (["Promoted", "Unpromoted"] if kind.promotable else [None])


def test_the_defaults_are_those_that_hold(document: etree._Element) -> None:
    assumed = Parameters.of({})
    for parameter in document.iterfind("parameters/parameter"):
        content = parameter.find("content")
        assert content is not None
        value = getattr(assumed, str(parameter.get("name")))
        if value == LOG:
            continue  # what holds on a node without journal, which is the case here or not
        text = " ".join(value) if isinstance(value, tuple) else str(value or "")
        assert (content.get("default") or "") == text


def test_the_forms_of_the_log_are_those_of_the_daemon() -> None:
    assert LOG_FORMATS == FORMATS


def test_they_are_told_without_any_parameter(resource_agent: Callable[[str], Agent]) -> None:
    for name, kind in KINDS.items():
        agent = resource_agent(name)
        agent.environment.clear()
        assert agent("meta-data") == 0
        assert agent.said == metadata(kind)
