#!/usr/bin/env python3
"""Print the events of all sites, one JSON object a line, and go on where it left off when it is started again.

    python3 follow_events.py /var/lib/events/place.json | logger --tag geo

The file holds, for each site, the place of the last event that was printed. What happened while this script, an agent or the
network was down comes first, in order; where a site has it no longer, a line says that something is missing. The first time,
everything that the sites still have is printed. If it is killed between printing an event and noting that, the event comes once
more: its `site` and `seq` tell. Exit status: 1 for an error, else it runs until it is stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from consoles.client import Event, Gap, Position, QmfAgentError, from_environment


def main() -> int:
    """Follow them; the exit status."""
    parser = argparse.ArgumentParser(description="Print the events of all sites, none left out.")
    parser.add_argument("place", type=Path, help="file to keep the place in")
    parser.add_argument("--event", action="append", help="only events of this name; may be repeated")
    given = parser.parse_args()
    try:
        places = read(given.place)
        with from_environment().console() as console:
            places = {site: Position(0) for site in console.sites()} | places
            with console.subscribe(events=given.event, since=places) as events:
                for item in events:
                    if isinstance(item, Event):
                        tell({"event": item.name, "time": item.timestamp, **item.values})
                        places[item.site] = item.position
                        write(given.place, places)
                    elif isinstance(item, Gap):
                        # Whoever keeps a state of his own reads it afresh now: console.tickets(), console.query().
                        tell({"gap": item.reason, "site": item.site, "missed": item.missed})
    except (QmfAgentError, OSError) as error:
        print(f"follow_events: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def tell(values: Mapping[str, Any]) -> None:
    """Print one line. Whoever reads it has it before the place is kept."""
    print(json.dumps(values), flush=True)


def read(file: Path) -> dict[str, Position]:
    """The places in the file; none where it is not there yet."""
    content: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return {site: Position.parse(place) for site, place in content.items()}


def write(file: Path, places: dict[str, Position]) -> None:
    """Keep the places. The file is the old or the new one at any moment, never half of it."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps({site: str(place) for site, place in places.items()}))
    os.replace(new, file)  # noqa: PTH105


if __name__ == "__main__":
    sys.exit(main())
