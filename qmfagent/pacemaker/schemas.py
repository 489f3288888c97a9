"""Pacemaker's own RelaxNG schemas: where they are, and what they say of a CIB.

Rules of this file: without Pacemaker's schemas on the machine nothing is judged; a schema is named by the CIB itself
(validate-with), so its name is checked before it becomes part of a path. A schema is compiled once; it judges one document at
a time, since lxml keeps the faults with it. Source: Pacemaker Explained, "validate-with"; Pacemaker, lib/common/schemas.c.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from threading import Lock

from lxml import etree

from qmfagent.cib.snapshot import Snapshot

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.-]*")
_SERIES = re.compile(r"pacemaker-([0-9]{1,9})\.[0-9]{1,9}", re.ASCII)
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


def is_current(name: str) -> bool:
    """Whether schema `name` belongs to the newest major series that this machine has, which Pacemaker works with itself.

    It transforms a CIB of an earlier series first.
    """
    directory, series = schema_directory(), _SERIES.fullmatch(name)
    return directory is not None and series is not None and int(series[1]) == _newest_series(directory)


def faults(snapshot: Snapshot, schema: str | None = None) -> str:
    """What a schema, by default the CIB's own, finds wrong with it, for people; empty where it is valid or can't be judged."""
    name = snapshot.validate_with if schema is None else schema
    if name in ("", "none"):
        return ""
    path = schema_file(name)
    if path is None:
        return f"schema {name} is not among those of {directory}" if (directory := schema_directory()) else ""
    # Judged as a document of its own, since positions go with the text.
    return _load(path).faults(snapshot.to_element())


class _Schema:
    """One compiled schema."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._validator = etree.RelaxNG(etree.parse(path))

    def faults(self, root: etree._Element) -> str:
        with self._lock:
            if self._validator.validate(root):
                return ""
            found = list(self._validator.error_log)[:_LINES]
        return "; ".join(f"{entry.path}: {entry.message}" if entry.path else entry.message for entry in found)


@cache
def _load(path: Path) -> _Schema:
    return _Schema(path)


@cache
def _newest_series(directory: Path) -> int:
    found = [_SERIES.fullmatch(path.stem) for path in directory.glob("pacemaker-*.rng")]
    return max((int(series[1]) for series in found if series), default=0)
