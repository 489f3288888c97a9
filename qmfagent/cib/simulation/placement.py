"""What keeps a resource off a node: the node itself, failures there, locations, or a colocation with what runs elsewhere.

Rules of this file: pure. What a rule says is Pacemaker's to evaluate: a rule is named where the simulated score says that one
of them has this effect. Source: Pacemaker Explained, "Deciding Which Nodes a Resource Can Run On".
"""

from __future__ import annotations

from qmfagent.cib.simulation.blocked import Hindrance
from qmfagent.cib.simulation.dependencies import Colocation, Location
from qmfagent.cib.simulation.simulation import MINUS_INFINITY, SimulatedNode
from qmfagent.cib.simulation.situation import Situation
from qmfagent.cib.truth import is_true

_STATES = {
    "standby": "is in standby",
    "maintenance": "is in maintenance",
    "pending": "has not joined yet",
    "unclean": "is unclean",
    "shutdown": "is being shut down",
    "offline": "is offline",
}


def keeps_off(situation: Situation, resource: str, promoted: bool, node: SimulatedNode) -> Hindrance | None:
    """What alone keeps a resource off a node; None where nothing is known to."""
    if node.faults:
        return Hindrance("node", f"{node.name} {' and '.join(_STATES[fault] for fault in node.faults)}")
    threshold = situation.simulation.exhausted.get((resource, node.name))
    if threshold:
        return Hindrance(
            "failcount", f"it failed on {node.name} as often as its migration-threshold allows ({threshold})"
        )
    together = situation.together(resource)
    locations = [each for part in together for each in situation.dependencies.locations[part]]
    locations = [location for location in locations if promoted or not location.promoted]
    for location in locations:
        if location.off and location.node == node.name:
            return Hindrance("location", f"location {location.id} keeps it off {node.name}")
    for colocation in situation.colocations(resource, promoted):
        places = situation.places(colocation)
        if places and (node.name in places) == colocation.apart:
            return Hindrance("colocation", _elsewhere(colocation, node.name, sorted(places)))
    opted_in = any(location.node in ("", node.name) for location in locations)
    if not opted_in and not is_true(situation.option("symmetric-cluster", "true")):
        return Hindrance("location", f"no location allows it on {node.name}, and the cluster is opt-in")
    return _scored_off(situation, resource, promoted, node, locations)


def _scored_off(
    situation: Situation, resource: str, promoted: bool, node: SimulatedNode, locations: list[Location]
) -> Hindrance | None:
    """What explains the score that a resource has on a node, where that keeps it off."""
    score = situation.simulation.promotion.get((resource, node.name), "") if promoted else ""
    if promoted and score.startswith("-") and score != MINUS_INFINITY:
        return Hindrance(
            "promotion-score", f"its agent, which gives one when it runs, has no promotion score on {node.name}"
        )
    if score != MINUS_INFINITY and (resource, node.name) not in situation.simulation.banned:
        return None
    for location in locations:
        if location.off and not location.node:
            return Hindrance("location", f"a rule of location {location.id} keeps it off {node.name}")
        if location.exclusive and location.node not in ("", node.name):
            return Hindrance("location", f"location {location.id} lets it be on other nodes than {node.name} only")
    if node.health != "green" and situation.option("node-health-strategy", "none") != "none":
        return Hindrance("node", f"{node.name} is in bad health ({node.health})")
    return None


def in_words(colocation: Colocation) -> str:
    """What a colocation is with."""
    return f"the promoted {colocation.other}" if colocation.with_promoted else colocation.other


def _elsewhere(colocation: Colocation, node: str, places: list[str]) -> str:
    """That a colocation keeps a resource off a node, since the other one runs at these places."""
    other, where = in_words(colocation), ", ".join(places)
    if colocation.apart:
        return f"colocation {colocation.id} keeps it off {node}, where {other} runs"
    return f"colocation {colocation.id} wants it where {other} runs ({where}), which is not {node}"
