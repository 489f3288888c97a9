"""What an agent is made of: its classes, objects, events, and a form for every method."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consoles.web.rendering import render
from consoles.web.views.schema import (
    MethodForm,
    arguments,
    as_json,
    concerned,
    given_in,
    method_form,
    object_rows,
    object_values,
    properties,
    result_values,
)
from consoles.web.visiting import Visit, visiting
from qmfagent.errors import InputError, SchemaError, UnknownObject
from qmfagent.qmf.classes import SchemaClass


async def index(request: Request) -> Response:
    """The sites whose agents can be asked."""
    visit = await visiting(request)
    return render(request, "schema_sites.html", sites=await visit.console.sites())


async def page(request: Request) -> Response:
    """All classes of a site's agent."""
    visit, site = await visiting(request), request.path_params["site"]
    found = await visit.console.classes(site)
    classes = [each for each in found if each.severity is None]
    events = [(each, properties(each)) for each in found if each.severity is not None]
    return render(request, "schema.html", site=site, classes=classes, events=events)


async def class_page(request: Request) -> Response:
    """One class: its properties, its objects, and the methods that the user may call; of an `object`, its values."""
    visit, site, name = await visiting(request), request.path_params["site"], request.path_params["class_name"]
    schema = await visit.console.schema(site, name)
    chosen, text = request.query_params.get("object", ""), request.query_params.get("q", "").strip()
    found = await visit.console.query(name, site)
    item = next((each for each in found if each.name == chosen), None)
    if chosen and item is None:
        raise UnknownObject(f"{site} has no object {chosen!r}")
    if len(found) == 1:
        chosen = found[0].name
    ticket = concerned(item.name, item.values, {}) if item else ""
    return render(
        request,
        "schema_class.html",
        site=site,
        schema=schema,
        properties=properties(schema),
        objects=object_rows(found, text),
        text=text,
        item=item,
        values=object_values(schema, item) if item else (),
        chosen=chosen,
        forms=await _forms(visit, site, schema, ticket),
    )


async def call(request: Request) -> Response:
    """Call a method as its form says; one that may change something is confirmed first."""
    visit, form = await visiting(request), await request.form()
    site, name, object_name = (str(form.get(each, "")).strip() for each in ("site", "method", "object"))
    if not (site and name and object_name):
        raise InputError("the form lacks the site, the method or the object", hint="begin at the page of the class")
    class_name = object_name.partition(":")[0]
    schema = await visit.console.schema(site, class_name)
    method = schema.method(name)
    if method is None:
        known = ", ".join(each.name for each in schema.methods) or "none"
        raise SchemaError(f"class {class_name} has no method {name!r}", hint=f"known are: {known}")
    given = given_in(form.multi_items())
    shown = method_form(class_name, method, given)
    values = {"site": site, "object_name": object_name, "form": shown, "schema": schema}
    if not shown.good:
        return render(request, "call_form.html", 422, **values)
    if shown.writes and form.get("confirmed") != "yes":
        return render(request, "call_confirm.html", **values)
    result = await visit.console.call(site, object_name, name, **arguments(method, given))
    shown_result = result_values(method, result)
    return render(request, "call_result.html", result=shown_result, document=as_json(result), **values)


async def _forms(visit: Visit, site: str, schema: SchemaClass, ticket: str) -> list[MethodForm]:
    """The forms of the methods that the user may call; for a ticket, where one is named."""
    return [
        method_form(schema.name, method)
        for method in schema.methods
        if await visit.may(site, f"{schema.name}.{method.name}", ticket)
    ]


routes = [
    Route("/schema", index),
    Route("/schema/{site}", page),
    Route("/schema/{site}/{class_name}", class_page),
    Route("/call", call, methods=["POST"]),
]
