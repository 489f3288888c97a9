"""What each peer may see of an agent's objects.

Rules of this file: who may see what is decided elsewhere and asked for here, each time anew. An object that a peer may not
see is not there for it: it is in no answer, has no methods, and is no different from one that never was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from qmfagent.qmf.data import Data
from qmfagent.qmf.queries import ObjectSource

Sees = Callable[[str], "Callable[[Data], bool] | None"]
"""For an identity, what tells whether it may see an object; None where it may see all of them."""


def sees_all(identity: str) -> None:
    """Lets everybody see everything."""


@dataclass(frozen=True, slots=True)
class Views:
    """The objects of `source` as different peers see them."""

    source: ObjectSource
    sees: Sees = sees_all

    def of(self, identity: str) -> ObjectSource:
        """The objects that `identity` may see."""
        visible = self.sees(identity)
        return self.source if visible is None else _View(self.source, visible)

    def shows(self, identity: str, data: Data) -> bool:
        """Whether `identity` may see an object, which may be gone meanwhile."""
        visible = self.sees(identity)
        return visible is None or visible(data)


@dataclass(frozen=True, slots=True)
class _View:
    """The objects that `visible` holds for; an ObjectSource."""

    source: ObjectSource
    visible: Callable[[Data], bool]

    def objects(self, class_name: str) -> Iterable[Data]:
        """Those of a class."""
        return filter(self.visible, self.source.objects(class_name))

    def find(self, object_name: str) -> Data | None:
        """The one of that name, or None."""
        found = self.source.find(object_name)
        return found if found is not None and self.visible(found) else None
