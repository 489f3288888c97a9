"""Logging in at RabbitMQ, and what its permissions let a user do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qmfagent.bus.client.connection import Connection
from qmfagent.bus.dialects import Inbox, Role
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.errors import ConnectionLost
from qmfagent.qmf.message import DIRECT, INDICATION, TOPIC, Address, Message
from tests.rabbitmq.conftest import REPLY_TO, WAIT
from tests.rabbitmq.server import RabbitMq
from tests.sites.buses import credentials


async def refused(url: str, **options: Any) -> str:
    """Why a connection does not come up."""
    given: dict[str, Any] = {"addresses": [REPLY_TO], "limits": Limits(open_timeout=WAIT)} | options
    connection = Connection(url, **given)
    connection.start()
    try:
        with pytest.raises(ConnectionLost) as raised:
            await connection.wait_up(WAIT, patient=False)
    finally:
        await connection.stop()
    return str(raised.value)


async def test_a_wrong_password_is_refused_in_words(rabbitmq: RabbitMq) -> None:
    why = await refused(rabbitmq.url, credentials=Credentials("console", "guess"))
    assert "user 'console' was not let in" in why


async def test_nobody_gets_in_without_a_password(rabbitmq: RabbitMq) -> None:
    assert "can't reach" in await refused(rabbitmq.url)


@pytest.mark.parametrize("method", ["certificate", "password"])
async def test_an_agent_and_a_console_meet_over_tls(at: Any, rabbitmq: RabbitMq, request_of: Any, method: str) -> None:
    """EXTERNAL, where RabbitMQ takes the certificate's common name for the user, or PLAIN with the CA alone."""
    ca = rabbitmq.authority

    def login(user: str) -> dict[str, Any]:
        if method == "certificate":
            return {"credentials": None, "tls": ca.issue(user)}
        return {"tls": TlsConfig(None, None, ca.path)}

    _, requests = await at.agent("sitea", url=rabbitmq.tls_url, **login("sitea"))
    console, _ = await at.connect("console", url=rabbitmq.tls_url, **login("console"))
    await console.send(request_of())
    assert (await requests.next())[1].user == "console"


async def test_a_broker_with_another_authority_is_not_believed(rabbitmq: RabbitMq, tmp_path: Any) -> None:
    trusted = replace(
        TlsConfig(None, None, rabbitmq.authority.path), ca=type(rabbitmq.authority)(tmp_path, "other").path
    )
    assert "TLS failed" in await refused(rabbitmq.tls_url, tls=trusted, credentials=credentials("console"))


async def test_a_console_can_neither_speak_for_agents_nor_answer_in_their_place(at: Any, caplog: Any) -> None:
    """Topic permissions: docs/howto/rabbitmq.md."""
    for subject in ("agent.ind.event.org_clusterlabs_qmfagent.applied", str(REPLY_TO.subject)):
        console, _ = await at.connect("console")
        with pytest.raises(ConnectionLost, match="access to topic"):
            await console.send(Message(Address(TOPIC, subject), "_x", INDICATION, []))


async def test_a_user_s_queues_are_nobody_else_s(at: Any, rabbitmq: RabbitMq) -> None:
    await at.connect("siteb", lasting=Inbox(Role.EVENTS, "siteb", (REPLY_TO,)))
    thief = {"credentials": credentials("console"), "user": "siteb"}
    why = await refused(rabbitmq.url, lasting=Inbox(Role.EVENTS, "siteb", (REPLY_TO,)), **thief)
    assert "access to queue 'qmf.siteb." in why
    assert "refused for user 'console'" in why


@pytest.mark.parametrize("pattern", ["direct-console.#", "#", "*.*", "direct-agent.route.1", "console.#"])
async def test_a_console_can_not_listen_to_what_is_meant_for_others(at: Any, rabbitmq: RabbitMq, pattern: str) -> None:
    """Answers carry publications, which have secrets in them."""
    await at.agent()
    why = await refused(rabbitmq.url, addresses=[Address(TOPIC, pattern)], credentials=credentials("console"))
    assert f"access to topic '{pattern}'" in why
    why = await refused(rabbitmq.url, addresses=[Address(DIRECT, "an:agent:x")], credentials=credentials("console"))
    assert "access to exchange 'qmf.default.direct'" in why
