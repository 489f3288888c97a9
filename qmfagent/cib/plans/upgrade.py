"""Raising the schema that a CIB is validated with, as part of a plan.

Rules of this file: a schema is only ever raised, within its major series; what it takes to lower one again is lost by then.
Source: Pacemaker Explained, "Upgrading the Configuration"; a patchset's modification of an element gives all its attributes
(Pacemaker 2.1, lib/common/patchset.c, apply_v2_patchset).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.plans.difference import AttributeChange, Change

_NAME = re.compile(r"pacemaker-([0-9]{1,9})\.([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """validate-with is raised from `old` to `new`, both names of schemas such as pacemaker-3.9; `head` are the attributes
    that the cib element has before."""

    old: str
    new: str
    head: Mapping[str, str]

    def change(self) -> Change:
        """The modification of the cib element, which leaves its other attributes as they are."""
        attributes = dict(self.head) | {"validate-with": self.new}
        element = etree.Element("cib", attributes)
        raised = (AttributeChange("validate-with", self.old, self.new),)
        return Change("modify", "cib", "", "", "/cib", -1, raised, document.canonical(element))


def raises(old: str, new: str) -> bool:
    """Whether schema `new` is a later one than `old` in the same major series."""
    before, after = _NAME.fullmatch(old), _NAME.fullmatch(new)
    return bool(before and after and before[1] == after[1] and int(before[2]) < int(after[2]))
