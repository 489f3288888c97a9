"""Whether a write happened that nobody saw the end of.

Rules of this file: pure. A write is all or nothing, so one member that stands as it alone would have made it tells that it
happened, whatever else has been edited since; then the record of what is owned tells. What can't be told has not happened: what
stands here then is an edit of what was delivered before, and is shown as one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from qmfagent.cib.ownership import tag_id
from qmfagent.cib.snapshot import Snapshot


def was_written(
    snapshot: Snapshot,
    ticket: str,
    before: Mapping[str, bytes],
    adopted: Collection[str],
    delivered: Mapping[str, bytes],
) -> bool:
    """Whether `snapshot` shows that what is owned for `ticket` was brought from `before` to `delivered`.

    Both are canonical lines by id, as Prepared has them; `adopted` are those in `before` that were not owned.
    """
    lines = snapshot.lines
    if any(line == lines.get(i) and line != before.get(i) for i, line in delivered.items()):
        return True
    was_owned = before.keys() - set(adopted)
    recorded = set(snapshot.references.tags.get(tag_id(ticket), ()))
    if lost := was_owned - delivered.keys():
        return not lost & recorded
    # The record may still name what somebody had deleted here before that.
    return bool((delivered.keys() - was_owned) & recorded & lines.keys())
