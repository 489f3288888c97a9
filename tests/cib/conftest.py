"""Fixtures of the tests of the CIB domain."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from tests.cib.strategies import VALIDATE_WITH

_SCHEMAS = Path("/usr/share/pacemaker")


@pytest.fixture(scope="session")
def schema(pacemaker_tools: None) -> etree.RelaxNG:
    """Pacemaker's own schema of a CIB."""
    return etree.RelaxNG(file=str(_SCHEMAS / f"{VALIDATE_WITH}.rng"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the realistic CIBs and of site B's file."""
    return Path(__file__).parent / "data"
