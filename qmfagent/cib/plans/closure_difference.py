"""The difference of two closures: what a site's own rules changed of a publication, or what a change did.

Rules of this file: it has the shape of a plan's changes, and leads from one closure to the other, whatever a site has now. Only
what differs is parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.plans import difference
from qmfagent.cib.plans.difference import Change


def closure_changes(old: Closure, new: Closure) -> tuple[Change, ...]:
    """The changes that turn one closure into the other; members stand in their sections' order."""
    if old is new:
        return ()
    return tuple(
        change
        for section in document.SECTIONS
        for change in _of_section(section, old.sections.get(section, {}), new.sections.get(section, {}))
    )


def _of_section(section: str, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[Change]:
    if old is new:
        return
    path = f"/cib/configuration/{section}"
    created: list[etree._Element] = []
    for identifier, before, after in difference.compare_members(old, new):
        after_element = document.parse_element(after) if after else None
        if before:
            element = document.parse_element(before)
            own_path = f"{path}/{document.path_step(element)}"
            edits = None if after_element is None else difference.member_changes(element, after_element, own_path)
            if edits is not None:
                yield from edits
                continue
            yield difference.deletion(element, own_path, identifier)
        if after_element is not None:
            created.append(after_element)
    if created:
        places = {identifier: place for place, identifier in enumerate(new)}
        for element in sorted(created, key=lambda each: places[each.get("id", "")]):
            identifier = str(element.get("id"))
            yield difference.creation(element, path, places[identifier], identifier)
