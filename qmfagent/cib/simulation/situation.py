"""What a simulation says of the resources of a CIB, and how these hang together: what an explanation looks at.

Rules of this file: it answers questions and explains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from qmfagent.cib.effective import cluster_options
from qmfagent.cib.simulation.dependencies import Colocation, Dependencies
from qmfagent.cib.simulation.simulation import SimulatedResource, Simulation
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.status import PROMOTED

_NOWHERE = SimulatedResource({})


class Situation:
    """`cib` as `simulation` has it afterwards. `lost` are resources that do not run, whatever the simulation says."""

    def __init__(self, cib: Snapshot, simulation: Simulation) -> None:
        self.cib = cib
        self.simulation = simulation
        self.dependencies = Dependencies(cib)
        self.lost: frozenset[str] = frozenset()

    # -- what runs

    def state(self, resource: str) -> SimulatedResource:
        """A primitive or bundle afterwards; active nowhere where the simulation does not know it."""
        return self.simulation.resources.get(resource, _NOWHERE)

    def active(self, resource: str) -> Mapping[str, str]:
        """The roles of a primitive or bundle, by the nodes where it runs."""
        return _NOWHERE.active if resource in self.lost else self.state(resource).active

    def done(self, resource: str, promoted: bool) -> bool:
        """Whether a resource runs, or is promoted where that is asked."""
        if promoted:
            return any(PROMOTED in self.active(part).values() for part in self.parts(resource))
        return all(self.active(part) for part in self.parts(resource))

    def places(self, colocation: Colocation) -> set[str]:
        """The nodes where the other resource is, in the role that counts, all parts of it together."""
        places: set[str] | None = None
        for part in self.parts(colocation.other):
            active = self.active(part)
            here = {node for node, role in active.items() if role == PROMOTED or not colocation.with_promoted}
            places = here if places is None else places & here
        return places or set()

    # -- how it hangs together

    def chain(self, resource: str) -> list[str]:
        """The resource and the collections that it is in."""
        element = self.cib.ids[resource]
        return [resource, *(str(e.get("id")) for e in element.iterancestors("group", "clone", "master", "bundle"))]

    def together(self, resource: str) -> list[str]:
        """The same, and what is in one group with it: a group is where all of it can be."""
        group = self.cib.ids[resource].getparent()
        others = (
            [] if group is None or group.tag != "group" else [str(e.get("id")) for e in group.iterfind("primitive")]
        )
        return list(dict.fromkeys([*self.chain(resource), *others]))

    def colocations(self, resource: str, promoted: bool) -> list[Colocation]:
        """The colocations of a resource that count, all of them where it is to be promoted."""
        found = [each for part in self.together(resource) for each in self.dependencies.colocations[part]]
        return [colocation for colocation in found if promoted or not colocation.promoted]

    def before_in_group(self, resource: str) -> str:
        """The resource that has to run first since it stands before this one in a group; empty where there is none."""
        element = self.cib.ids[resource]
        previous = next(element.itersiblings("primitive", preceding=True), None)
        parent = element.getparent()
        return "" if previous is None or parent is None or parent.tag != "group" else previous.get("id", "")

    def parts(self, resource: str) -> list[str]:
        """The primitives and bundles that a resource is or has in it."""
        element = self.cib.ids[resource]
        if element.tag in ("primitive", "bundle"):
            return [resource]
        return [str(primitive.get("id")) for primitive in element.iterdescendants("primitive")]

    # -- the cluster's options

    def option(self, name: str, default: str = "") -> str:
        """A cluster option; `default` where it is not set."""
        return self._options.get(name, default)

    @cached_property
    def _options(self) -> Mapping[str, str]:
        return cluster_options(self.cib)
