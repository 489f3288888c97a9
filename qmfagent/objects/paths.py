"""Paths to elements of a CIB, as callers of Site.query write them.

Rules of this file: pure. A path is a bounded amount of work, whoever wrote it: names and attributes, `*`, and `//` once. The
rest of XPath is left out, since a short expression can keep an agent busy for years.
"""

from __future__ import annotations

import re
from typing import Protocol

from lxml import etree

from qmfagent.errors import CibError

MAX_PATH = 500

_STEP = re.compile(r"//?(?:[A-Za-z_][\w.-]*|\*)(?:\[@[A-Za-z_][\w.-]*(?:=(?:'[^']*'|\"[^\"]*\"))?\])*", re.ASCII)


class Cib(Protocol):
    """What a path leads through."""

    @property
    def configuration(self) -> etree._Element:
        """The configuration element."""

    @property
    def status(self) -> etree._Element | None:
        """The status element, where there is one."""


def select(cib: Cib, path: str) -> list[etree._Element]:
    """The elements at a path such as `configuration/resources/primitive[@id='vip']` or `status//lrm_rsc_op[@rc-code='1']`.

    It may begin with `/` or `/cib/`. Nobody may edit the elements. Raises CibError for what is no such path.
    """
    if len(path) > MAX_PATH:
        raise CibError(f"a path of {len(path)} characters; at most {MAX_PATH} are accepted")
    first, rest = _split(path)
    if first not in ("configuration", "status"):
        raise CibError(f"{path!r} leads nowhere", hint="paths begin with configuration or status")
    steps = list(_STEP.finditer(rest))
    if "".join(step[0] for step in steps) != rest:
        raise CibError(f"{path!r} is no path", hint="write such as configuration/resources/primitive[@id='vip']")
    if sum(step[0].startswith("//") for step in steps) > 1:
        raise CibError(f"{path!r} has '//' twice", hint="write it once at most")
    root = cib.configuration if first == "configuration" else cib.status
    if root is None:
        return []
    return root.findall(f".{rest}") if rest else [root]


def _split(path: str) -> tuple[str, str]:
    inner = path.strip("/").removeprefix("cib/")
    first = inner.partition("/")[0]
    return first, inner.removeprefix(first)
