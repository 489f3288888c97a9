"""How often resources have failed, from the CIB's status section.

Rules of this file: what counts is what the cluster has counted, until somebody cleans it up or it expires.
Source: lib/pengine/failcounts.c (pe_get_failcount) of Pacemaker 2.1; every case is held against crm_mon 2.1.5 in
tests/cib/test_failures.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from lxml import etree

from qmfagent.cib.scores import INFINITY, score
from qmfagent.cib.snapshot import Snapshot

_counts = etree.XPath("node_state/transient_attributes/instance_attributes/nvpair[starts-with(@name, 'fail-count-')]")
# Instances of clones may be numbered (db:0); the operation comes with its interval.
_counted = re.compile(r"fail-count-([^#:]+)(?::[0-9]+)?#.+_[0-9]+")


def fail_counts(snapshot: Snapshot) -> Mapping[str, int]:
    """How often each resource has failed on all nodes together, by id; those that have not are left out.

    Where one of the counts is INFINITY, which keeps a resource off a node, so is the sum: 1,000,000.
    """
    total: Counter[str] = Counter()
    for pair in () if snapshot.status is None else _counts(snapshot.status):
        if found := _counted.fullmatch(pair.get("name", "")):
            total[found[1]] += score(pair.get("value", ""))
    return {identifier: min(count, INFINITY) for identifier, count in total.items() if count > 0}
