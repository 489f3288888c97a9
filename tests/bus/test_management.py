"""Requests to $management at the listener: who asks, and what becomes of those that can't be answered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import proton
import pytest
from proton.utils import BlockingConnection, LinkDetached, SendException

from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.listener.listener import Listener
from qmfagent.management.message import Request, Response, Status
from tests.management.client import TIMEOUT, Session, ask, with_session


class Echo:
    """Answers every request with who has sent it."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.requests: list[Request] = []

    def take(self, request: Request) -> None:
        self.requests.append(request)
        body = {"user": request.user, "authenticated": request.authenticated}
        self._listener.respond(Response(request.reply_to, request.correlation_id, Status.OK, "OK", body))

    def refuse(self, request: Request, refusal: Exception) -> None:
        raise ZeroDivisionError


async def managed(bus: Any, **options: Any) -> Echo:
    listener = await bus.listen(**options)
    echo = Echo(listener)
    listener.manage(echo)
    return echo


async def test_who_asks_is_who_his_certificate_says(bus: Any, ca: Any) -> None:
    await managed(bus, url="amqps://localhost:0", tls=ca.issue("server"))
    domain = ca.issue("alice").client_domain().current()

    def work(session: Session) -> Any:
        return session.ask("READ").body

    options = {"ssl_domain": domain, "sasl_enabled": True, "allowed_mechs": "EXTERNAL"}
    assert await with_session(bus.url, work, **options) == {"user": "CN=alice", "authenticated": True}


async def test_without_tls_nobody_has_proved_who_he_is(bus: Any) -> None:
    await managed(bus)
    assert (await ask(bus.url, "READ")).body == {"user": "anonymous", "authenticated": False}


async def test_a_request_that_names_nobody_to_answer_is_dropped(bus: Any) -> None:
    echo = await managed(bus)

    def work(session: Session) -> None:
        sender = session.connection.create_sender("$management", name="another")
        sender.send(proton.Message(properties={"operation": "READ"}))

    await with_session(bus.url, work)
    assert echo.requests == []


async def test_what_can_not_be_read_is_rejected(bus: Any) -> None:
    echo = await managed(bus)

    def work(session: Session) -> None:
        sender = session.connection.create_sender("$management", name="another")
        with pytest.raises(SendException):
            sender.send(proton.Message(inferred=False, reply_to="r", body=proton.decimal64(1)))

    await with_session(bus.url, work)
    assert echo.requests == []


async def test_a_fault_costs_one_request(bus: Any) -> None:
    await managed(bus, limits=replace(Limits(), request_bytes=300))

    def work(session: Session) -> Any:
        sender = session.connection.create_sender("$management", name="another")
        with pytest.raises(SendException):
            sender.send(proton.Message(reply_to="r", body="x" * 1000))
        return session.ask("READ").body

    assert (await with_session(bus.url, work))["user"] == "anonymous"


async def test_where_there_is_no_management_there_is_no_node(bus: Any) -> None:
    await bus.listen()

    def attach() -> None:
        connection = BlockingConnection(bus.url, timeout=TIMEOUT, sasl_enabled=False)
        try:
            with pytest.raises(LinkDetached, match="amqp:not-found"):
                connection.create_sender("$management")
        finally:
            connection.close()

    await asyncio.to_thread(attach)
