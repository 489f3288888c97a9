"""The history of all sites, put together page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consoles.web.views.history import change_view, history_page, read_below
from qmfagent.errors import UnknownObject


def record(number: int, time: int, name: str = "drift_cleared") -> dict[str, Any]:
    return {"number": number, "name": name, "time": time, "ticket": "T"}


def newest(records: Sequence[dict[str, Any]], size: int, below: int) -> list[dict[str, Any]]:
    """What Site.history answers."""
    return [each for each in reversed(records) if not below or each["number"] < below][:size]


@given(st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 20), max_size=12)), st.integers(1, 5))
def test_page_by_page_every_record_comes_once_in_the_order_of_its_site(times: dict[str, list[int]], size: int) -> None:
    """Law: whatever the clocks of the sites say."""
    sites = {site: [record(number, time) for number, time in enumerate(found, 1)] for site, found in times.items()}
    seen: dict[str, list[int]] = {site: [] for site in sites}
    below: dict[str, int] = {}
    for _ in range(50):
        rows, further = history_page(
            {site: newest(records, size, below.get(site, 0)) for site, records in sites.items()}, size
        )
        assert len(rows) <= size
        for row in rows:
            seen[row.site].append(row.number)
        if not further:
            break
        assert further != below or not rows
        below = further
    assert seen == {site: [each["number"] for each in reversed(records)] for site, records in sites.items()}


def test_between_sites_time_decides() -> None:
    rows, further = history_page({"a": [record(2, 30), record(1, 10)], "b": [record(1, 20)]}, 5)
    assert [(row.site, row.number) for row in rows] == [("a", 2), ("b", 1), ("a", 1)]
    assert further == {}


def test_a_place_is_read_as_a_link_says_it() -> None:
    assert read_below(["siteb:17", "site:c:3"]) == {"siteb": 17, "site:c": 3}
    for text in ("", "siteb", ":1", "siteb:x", "siteb:" + "9" * 20):
        with pytest.raises(UnknownObject):
            read_below([text])


def test_a_change_is_shown_with_what_it_changed() -> None:
    diff = [
        {
            "operation": "modify",
            "kind": "nvpair",
            "id": "vip-ip",
            "member": "vip",
            "path": "/cib",
            "position": -1,
            "attributes": [{"name": "value", "old": "<1>", "new": "2"}],
            "content": "",
        }
    ]
    told = {**record(7, 1, "applied"), "by": "CN=bob", "count": 1, "publisher": "sitea", "diff": diff, "kept": True}
    view = change_view("siteb", told)
    assert view.row.undoable
    assert view.values == (("by", "CN=bob"), ("count", "1"), ("publisher", "sitea"))
    assert "<del>&lt;1&gt;</del>" in str(view.html)
    assert not change_view("siteb", {**told, "diff": [], "kept": False}).html
