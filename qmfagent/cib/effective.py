"""Which value counts where several sets of attributes give one.

Rules of this file: pure. Sets under a rule are left out: it takes a time, a node or a resource to say whether they count.
Source: lib/pengine/rules.c (pe_unpack_nvpairs, sort_pairs, populate_hash) of Pacemaker 2.1: the set of the highest score
counts, of equal ones the last; in a set the first value of a name; `#default` is no value.
"""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from qmfagent.cib.scores import score
from qmfagent.cib.snapshot import Snapshot

_OPTIONS = "cib-bootstrap-options"


def cluster_options(snapshot: Snapshot) -> dict[str, str]:
    """The options of the cluster, by name. Those of the set that Pacemaker's tools write count before all others."""
    return effective(snapshot, snapshot.section("crm_config"), _OPTIONS)


def effective(snapshot: Snapshot, sets: Iterable[etree._Element], first: str = "") -> dict[str, str]:
    """The values of these sets of attributes, by name; `first` is the id of one that counts before all others.

    A set, or an nvpair, that is one of `snapshot` by id-ref counts as that one does.
    """
    found = [each for each in (_lent(snapshot, each) for each in sets) if each.find("rule") is None]
    found.reverse()
    found.sort(key=lambda each: (each.get("id") == first, score(each.get("score", ""))), reverse=True)
    values: dict[str, str] = {}
    for each in found:
        for pair in each.iterchildren("nvpair"):
            lender = _lent(snapshot, pair)
            name, value = pair.get("name") or lender.get("name") or "", lender.get("value") or ""
            if value != "#default":
                values.setdefault(name, value)
    return values


def _lent(snapshot: Snapshot, element: etree._Element) -> etree._Element:
    reference = element.get("id-ref")
    return element if reference is None else snapshot.ids.get(reference, element)
