"""What is to be seen of the two sites' configurations (configurations.py): what runs where, and what nobody may touch."""

from __future__ import annotations

from tests.lab.agents import AgentSite

HOLDER = {"db-ip": "Started", "db-app": "Started", "db-data": "Promoted"}
OTHER = {"db-data": "Unpromoted"}


def at(site: AgentSite, roles: dict[str, str]) -> dict[str, str]:
    """What runs at a site: these, and what it has of its own."""
    return roles | {f"local-{site.name}": "Started", f"beside-{site.name}": "Started"}


def local_text(site: AgentSite) -> list[str]:
    """The site's own configuration, byte for byte as Pacemaker gives it out."""
    identifiers = (f"local-{site.name}", f"beside-{site.name}", f"local-{site.name}-beside")
    return [site.run("cibadmin", "--query", f"--xpath=//*[@id='{identifier}']") for identifier in identifiers]
