"""The configuration of a site: a tree, a search, and what is known of one element."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from consoles.numbers import whole_number
from consoles.values import Object
from consoles.web.reading import read_configuration, read_elements
from consoles.web.rendering import render, url
from consoles.web.views.configuration import (
    ROOT,
    Element,
    children,
    crumbs,
    element_view,
    path_of,
    search,
    uses,
)
from consoles.web.visiting import Visit, visiting
from qmfagent.errors import RemoteError, UnknownObject
from qmfagent.qmf.opcodes import ErrorCode

_CLASSES = {"resources": "Resource", "constraints": "Constraint"}
"""The classes of the objects that tell of the members of a section."""


async def page(request: Request) -> Response:
    """The element at `path`, by default the configuration; the one of an `id`; or what has the text `q`."""
    visit, site, asked = await visiting(request), request.path_params["site"], request.query_params
    if text := asked.get("q", "").strip():
        found = await asyncio.to_thread(search, (await read_configuration(visit.console, site)).configuration, text)
        return render(request, "configuration_found.html", site=site, text=text, found=found)
    if identifier := asked.get("id", ""):
        path = path_of((await read_configuration(visit.console, site)).configuration, identifier)
        if not path:
            raise UnknownObject(f"nothing in the configuration of {site} has the id {identifier!r}")
        root = str(request.scope.get("root_path", ""))
        return RedirectResponse(url(root, ("sites", site, "configuration"), {"path": path}), 303)
    path = asked.get("path", "").strip("/") or ROOT
    elements = await read_elements(visit.console, site, path)
    if not elements:
        raise UnknownObject(f"there is nothing at {path} in the configuration of {site}")
    values: dict[str, Any] = {"site": site, "path": path, "crumbs": crumbs(path), "element": None, "member": None}
    if len(elements) == 1:
        values["element"] = element = element_view(elements[0], path, _page(request))
        values["children"] = element.children
        values["member"] = await _member(visit, site, element)
    else:
        parent = path.rpartition("/")[0] if "//" not in path else path
        values["children"] = children(elements, parent, _page(request))
    return render(request, "configuration.html", text="", **values)


async def inside(request: Request) -> Response:
    """What is inside the element at `path`, as a part of the tree."""
    visit, site = await visiting(request), request.path_params["site"]
    path = request.query_params.get("path", "") or ROOT
    elements = await read_elements(visit.console, site, path)
    parts = [part for element in elements for part in element.iterchildren("*")]
    return _part(request, "configuration_tree.html", f"Inside {path}", children=children(parts, path, _page(request)))


async def explanation(request: Request) -> Response:
    """Which step gave each value of the element of that `id`."""
    visit, site = await visiting(request), request.path_params["site"]
    identifier = request.query_params.get("id", "")
    steps = await visit.console.explain(site, identifier)
    return _part(request, "configuration_steps.html", f"Where {identifier} comes from", steps=steps)


async def references(request: Request) -> Response:
    """Which elements refer to the one of that `id`."""
    visit, site = await visiting(request), request.path_params["site"]
    identifier = request.query_params.get("id", "")
    snapshot = await read_configuration(visit.console, site)
    found = await asyncio.to_thread(uses, snapshot.configuration, identifier)
    return _part(request, "configuration_uses.html", f"What refers to {identifier}", found=found)


async def _member(visit: Visit, site: str, element: Element) -> Object | None:
    """The object that tells whether the member an element is part of is replicated; None where there is none."""
    if not element.member or element.section not in _CLASSES:
        return None
    try:
        found = await visit.console.query(_CLASSES[element.section], site, name=element.member)
    except RemoteError as error:
        if error.code != ErrorCode.UNKNOWN_OBJECT:
            raise
        return None
    return found[0] if found else None


def _part(request: Request, template: str, title: str, **values: Any) -> Response:
    """A fragment where htmx asks for it; else a page that has nothing besides."""
    whole = template if "hx-request" in request.headers else "part.html"
    site = request.path_params["site"]
    return render(request, whole, title=title, template=template, site=site, **values)


def _page(request: Request) -> int:
    return whole_number(request.query_params.get("page", "")) or 1


routes = [
    Route("/sites/{site}/configuration", page),
    Route("/sites/{site}/configuration/inside", inside),
    Route("/sites/{site}/configuration/explanation", explanation),
    Route("/sites/{site}/configuration/references", references),
]
