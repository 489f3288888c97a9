"""Pacemaker's own RelaxNG schemas: where they are, and what they say of a CIB.

Rules of this file: without Pacemaker's schemas on the machine nothing is judged; a schema is named by the CIB itself
(validate-with), so its name is checked before it becomes part of a path. Source: Pacemaker Explained, "validate-with";
Pacemaker, lib/common/schemas.c.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from lxml import etree

from qmfagent.cib.snapshot import Snapshot

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.-]*")
_VARIABLE = "PCMK_schema_directory"
_LINES = 3


def schema_directory() -> Path | None:
    """The directory of Pacemaker's schemas, PCMK_schema_directory or /usr/share/pacemaker; None where there is none."""
    directory = Path(os.environ.get(_VARIABLE) or "/usr/share/pacemaker")
    return directory if directory.is_dir() else None


def schema_file(name: str) -> Path | None:
    """The RelaxNG file of schema `name`, such as pacemaker-3.9; None where this machine doesn't have it."""
    directory = schema_directory()
    if directory is None or not _NAME.fullmatch(name):
        return None
    path = directory / f"{name}.rng"
    return path if path.is_file() else None


def faults(snapshot: Snapshot) -> str:
    """What the CIB's own schema finds wrong with it, for people; empty where it is valid or can't be judged."""
    name = snapshot.validate_with
    if name in ("", "none"):
        return ""
    path = schema_file(name)
    if path is None:
        return f"schema {name} is not among those of {directory}" if (directory := schema_directory()) else ""
    schema = _load(path)
    # Judged in its written form, since lxml's error log is kept with the validator and positions with the text.
    validator = etree.RelaxNG(schema)
    if validator.validate(snapshot.to_element()):
        return ""
    return "; ".join(f"{entry.path}: {entry.message}" for entry in list(validator.error_log)[:_LINES])


@cache
def _load(path: Path) -> etree._ElementTree:
    return etree.parse(path)
