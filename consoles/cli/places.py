"""Where `watch` goes on: places among the events of sites, given as options or kept in a file.

Rules of this file: the file is renewed in one step after an event was printed. Who is interrupted in between is told that event
once more, never too few.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from consoles.values import Event, Position
from qmfagent.errors import ConfigError


def read_since(texts: Iterable[str], sites: Collection[str]) -> dict[str, Position]:
    """The places that options name: [SITE=][JOURNAL:]NUMBER, without SITE for each of `sites` that has none of its own.

    Raises UnknownObject for one that is no place.
    """
    places: dict[str, Position] = {}
    for text in texts:
        site, _, place = text.rpartition("=")
        position = Position.parse(place)
        if site:
            places[site] = position
        else:
            places = {**dict.fromkeys(sites, position), **places}
    return places


class PlaceFile:
    """The places in a file."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError for a file that is there and can't be read."""
        self._path = path
        try:
            content = json.loads(path.read_text()) if path.exists() else {}
            self.places = {site: Position.parse(place) for site, place in content.items()}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise ConfigError(f"{path}: {error}", hint="delete it to begin with the events from now on") from None

    def take(self, event: Event) -> None:
        """Note that an event was printed. Raises ConfigError where the file can't be written."""
        if not event.seq:
            return
        self.places[event.site] = event.position
        renewed = self._path.with_name(f"{self._path.name}.new")
        try:
            renewed.write_text(json.dumps({site: str(place) for site, place in self.places.items()}, indent=2) + "\n")
            os.replace(renewed, self._path)  # noqa: PTH105 - as one step, over what is there
        except OSError as error:
            raise ConfigError(
                f"{self._path}: {error.strerror}", hint="check its folder, permissions and free space"
            ) from None
