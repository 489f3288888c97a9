"""A site's configuration, as its agent gives it to the user of a session: without secrets."""

from __future__ import annotations

from lxml import etree

from consoles.asynchronous import AsyncConsole
from qmfagent.cib import document
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version


async def read_elements(console: AsyncConsole, site: str, path: str) -> list[etree._Element]:
    """The elements at a path in the CIB of a site, as Site.query takes it.

    Raises as AsyncConsole.call does, and CibError where what the agent gives is no XML.
    """
    answer = await console.call(site, f"Site:{site}", "query", path=path)
    found = document.parse_element(b"<found>" + str(answer["xml"]).encode() + b"</found>", f"the answer of {site}")
    elements = list(found.iterchildren("*"))
    for element in elements:
        found.remove(element)
    return elements


async def read_configuration(console: AsyncConsole, site: str) -> Snapshot:
    """The configuration of a site, without its status. Raises as read_elements does."""
    answer = await console.call(site, f"Site:{site}", "query")
    head = Version.parse(answer["version"]).attributes()
    return Snapshot(head, document.parse_element(str(answer["xml"]).encode(), f"the configuration of {site}"), None)
