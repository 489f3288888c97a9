"""Agents of this version live through what a pair of an earlier one did: each request, of consoles and of the other site, gets
an answer that its sender understands, and each event tells what it told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from qmfagent import __version__
from qmfagent.agent import load_schema
from qmfagent.qmf import opcodes
from qmfagent.qmf.classes import Method, SchemaClass
from qmfagent.qmf.message import Message
from qmfagent.qmf.value_type import ValueType
from tests.interop.life import SOURCE, STEPS, TARGET
from tests.interop.recorded import Exchange, Recording, recordings
from tests.interop.requester import Requester
from tests.sites.pair import SitePair

# Of a publication, all but its signature and the term of a grant is decided by the configuration.
DECIDED = ("site", "version", "digest", "validate_with", "xml", "base", "removed")


async def _delivered(sites: SitePair) -> None:
    await sites.b.event("applied", ticket="T")
    await sites.a.replica("T", "siteb", state="in-sync")


async def _followed(sites: SitePair) -> None:
    await sites.a.replica("T", "siteb", state="in-sync")


async def _rolled_back(sites: SitePair) -> None:
    await sites.b.event("rolled_back", ticket="T")


async def _healed(sites: SitePair) -> None:
    await sites.b.event("drift_healed", ticket="T")


async def _moved(sites: SitePair) -> None:
    await sites.b.event("published", ticket="T")
    await sites.a.replica("T", "siteb", direction="from")


# What was waited for then, once a method had answered in a step: the next requests are about what comes of it.
SETTLED: Mapping[tuple[str, str], Callable[[SitePair], Awaitable[None]]] = {
    ("delivered", "apply"): _delivered,
    ("changed", "replicate_now"): _followed,
    ("rolled back", "apply"): _rolled_back,
    ("healed", "apply"): _healed,
    ("moved", "grant"): _moved,
}
# A requester is silent while the others ask, and while the sites act.
SILENCE = 600.0


def lacks(then: Any, now: Any, where: str = "") -> Iterator[str]:
    """What whoever understands `then` would miss in `now`: keys, and values of another kind. More keys are no loss."""
    if isinstance(then, dict) and isinstance(now, dict):
        yield from (f"{where}: no {key}" for key in then.keys() - now.keys())
        for key in then.keys() & now.keys():
            yield from lacks(then[key], now[key], f"{where}.{key}")
    elif isinstance(then, list) and isinstance(now, list):
        if then and not now:
            yield f"{where}: empty"
        for index, (item, other) in enumerate(zip(then, now, strict=False)):
            yield from lacks(item, other, f"{where}[{index}]")
    elif type(then) is not type(now):
        yield f"{where}: {then!r} was, {now!r} is"


def differs(exchange: Exchange, answers: list[Message]) -> list[str]:
    """In what an answer of today would not do for who asked then."""
    then, now = exchange.answers[-1].message, answers[-1]
    if then.opcode != now.opcode:
        return [f"{then.opcode} was, {now.opcode} is: {now.body}"]
    if then.opcode == opcodes.EXCEPTION:
        was, is_now = (m.body["_values"] for m in (then, now))  # type: ignore[index,call-overload]
        return [f"{key}: {was[key]!r} was" for key in ("error_code", "reason") if was.get(key) != is_now.get(key)]
    if _asked(exchange, "_what") == "SCHEMA":
        return []  # held against each other below: there are more classes, methods and arguments now
    found = list(lacks(_whole([each.message for each in exchange.answers]), _whole(answers)))
    if _asked(exchange, "_method_name") == "publication":
        was, is_now = (m.body["_arguments"] for m in (then, now))  # type: ignore[index,call-overload]
        found += [f"{key}: {was[key]!r} was, {is_now[key]!r} is" for key in DECIDED if was[key] != is_now[key]]
    return found


def _whole(answers: list[Message]) -> Any:
    bodies = [answer.body for answer in answers]
    return [item for body in bodies for item in body] if isinstance(bodies[0], list) else bodies[0]  # type: ignore[union-attr]


def _asked(exchange: Exchange, key: str) -> str:
    body = exchange.request.message.body
    return str(body.get(key, "")) if isinstance(body, dict) else ""


def _named(exchange: Exchange) -> str:
    request = exchange.request
    return f"{request.step}: {request.message.opcode} {request.message.body} at {request.site}"


async def test_every_request_is_answered_as_it_was(recording: Recording, tmp_path: Path) -> None:
    found: list[str] = []
    today: dict[Any, Any] = {}
    acts, step = {step.name: step.act for step in STEPS}, recording.steps[0]
    pair = SitePair(tmp_path, SOURCE, TARGET, mode="manual")
    for site in pair.sites.values():
        site.config = replace(site.config, limits=replace(site.config.limits, idle_timeout=SILENCE))
    async with pair as sites, AsyncExitStack() as stack:
        requesters = {
            name: await stack.enter_async_context(Requester(name, site.bus.url(name), today))
            for name, site in sites.sites.items()
        }
        for exchange in recording.exchanges:
            if exchange.request.step != step:
                step = exchange.request.step
                await acts[step](sites)
            answers = await requesters[exchange.request.site].ask(exchange)
            found += [f"{_named(exchange)}: {problem}" for problem in differs(exchange, answers)]
            if settled := SETTLED.get((step, _asked(exchange, "_method_name"))):
                await settled(sites)
        for name, site in sites.sites.items():
            for event in recording.event_names(name):
                await site.event(event)
                then, now = recording.events(name, event), site.seen(event)
                found += [f"{event} of {name}: {p}" for p in lacks(then[0], dict(now[0].values))]
    assert not found, "\n".join(found)


def test_every_class_has_what_it_had(recording: Recording) -> None:
    """Properties, methods, arguments and their types are kept; what is new among the arguments that go in may be left out."""
    schema = load_schema()
    today = {each.name: SchemaClass.from_map(each.to_map()) for each in (*schema.classes, *schema.events)}
    assert recording.schema.keys() <= today.keys()
    for name, then in recording.schema.items():
        described = {prop.name: prop.type for prop in today[name].properties}
        assert {prop.name: prop.type for prop in then.properties}.items() <= described.items(), name
        for method in then.methods:
            renewed = today[name].method(method.name)
            assert renewed is not None, f"{name}.{method.name}"
            earlier, now = _arguments(method), _arguments(renewed)
            assert earlier.items() <= now.items(), f"{name}.{method.name}"
            new = [now[key] for key in now.keys() - earlier.keys()]
            assert all(direction == "O" or is_optional for _, direction, is_optional in new), f"{name}.{method.name}"


def test_the_version_before_this_one_is_recorded() -> None:
    """Nothing else here would miss it. A release is recorded before the next version is begun."""
    assert any(version != __version__ for version in recordings())


def _arguments(method: Method) -> dict[str, tuple[ValueType, str, bool]]:
    return {each.name: (each.type, each.dir, each.optional) for each in method.arguments}
