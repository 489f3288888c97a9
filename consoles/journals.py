"""Whether a site's journal is what was recorded: what it found itself, held against what the other sites have seen of it.

Rules of this file: pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from consoles.values import Object
from qmfagent.errors import QmfAgentError


def judge(site: str, found: Mapping[str, Any] | QmfAgentError, seen: Iterable[Object]) -> dict[str, Any]:
    """What is known of a site's journal: its answer to Site.verify_journal, or the error it ended in, with `site`, `problem`
    (in words, empty where all is well) and `witnesses` (the names of the sites that have seen of it). `seen` are the Site
    objects of all."""
    witnesses = {
        each.site: peer
        for each in seen
        for peer in each.values["peers"]
        if each.site != site and peer["site"] == site and peer.get("journal")
    }
    if isinstance(found, QmfAgentError):
        return {"site": site, "problem": str(found), "witnesses": sorted(witnesses)}
    return {"site": site, **found, "problem": _contradiction(found, witnesses), "witnesses": sorted(witnesses)}


def _contradiction(found: Mapping[str, Any], witnesses: Mapping[str, Mapping[str, Any]]) -> str:
    """What does not fit, in words: a journal may begin anew, under another id, but it does not get shorter."""
    for witness, told in sorted(witnesses.items()):
        if told["journal"] != found["journal"]:
            continue
        if told["seq"] > found["last"]:
            return f"{witness} has seen entry {told['seq']}, and the journal ends at {found['last']}"
        if told["seq"] == found["last"] and told["head"] != found["head"]:
            return f"{witness} has seen another entry {told['seq']}"
    return ""
