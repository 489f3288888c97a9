"""Which resources the cluster leaves alone because it was told to.

Rules of this file: pure, and from the configuration alone. A meta attribute of a resource counts, else that of its template,
of the collection it is in, and so on up, and of rsc_defaults in the end. Values under a rule, which need a time or a node, are
not decided here; nor is what the cluster gives up by itself after a failure (crm_mon: blocked).
Source: lib/pengine/complex.c (get_meta_attributes, common_unpack) of Pacemaker 2.1; every case is held against crm_mon 2.1.5
in tests/cib/test_maintenance.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from qmfagent.cib.effective import cluster_options, effective
from qmfagent.cib.references import RESOURCES
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.truth import is_true


def maintenance_mode(snapshot: Snapshot) -> bool:
    """Whether the cluster as a whole is in maintenance."""
    return is_true(cluster_options(snapshot).get("maintenance-mode", ""))


def unmanaged(snapshot: Snapshot) -> frozenset[str]:
    """The ids of the resources, at whatever depth, that are not managed: is-managed is no, or maintenance is yes."""
    everything = snapshot.references.container
    if maintenance_mode(snapshot):
        return frozenset(everything)
    defaults = effective(snapshot, snapshot.section("rsc_defaults"))
    found = set() if _managed(defaults) else set(everything)
    for top in _saying(snapshot):
        for identifier, managed in _parts(snapshot, snapshot.members[top], defaults):
            if managed:
                found.discard(identifier)
            else:
                found.add(identifier)
    return frozenset(found)


def _saying(snapshot: Snapshot) -> set[str]:
    """The top-level resources that may say something of this themselves, or by a template."""
    references = snapshot.references
    found: set[str] = set()
    for identifier in references.resources:
        # Most say nothing, and to find that out in their lines costs next to nothing.
        line = snapshot.lines[identifier]
        if b'"is-managed"' in line or b'"maintenance"' in line or b"id-ref=" in line:
            found |= references.derived.get(identifier, frozenset({identifier}))
    return found


def _parts(snapshot: Snapshot, resource: etree._Element, inherited: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """A resource and what is in it: whether each is managed, where it inherits these meta attributes."""
    template = snapshot.members.get(resource.get("template", ""))
    sets = [
        each for holder in (template, resource) if holder is not None for each in holder.iterfind("meta_attributes")
    ]
    values = {**inherited, **effective(snapshot, sets)}
    yield resource.get("id", ""), _managed(values)
    for part in resource.iterchildren(*RESOURCES):
        yield from _parts(snapshot, part, values)


def _managed(values: Mapping[str, str]) -> bool:
    managed = values.get("is-managed", "default")
    return (managed.lower() == "default" or is_true(managed)) and not is_true(values.get("maintenance", ""))
