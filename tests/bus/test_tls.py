"""Mutual TLS between the client and the listener, with certificates that are good, missing and bad."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import proton
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from proton.utils import BlockingConnection

from qmfagent.bus.client.connection import Connection
from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.security import tls as tls_module
from qmfagent.bus.security.identity import Identity
from qmfagent.errors import ConfigError, ConnectionLost
from qmfagent.qmf.message import DIRECT, TOPIC, Address
from tests.bus.foreign import WAIT

EVERYTHING = (Address(TOPIC, "#"),)


async def secure_listener(bus: Any, config: Any, **options: Any) -> Listener:
    listener: Listener = await bus.listen(url="amqps://localhost:0", tls=config, **options)
    return listener


async def test_both_ends_are_verified_and_the_certificate_is_the_identity(
    bus: Any, ca: Any, inbox: Any, message: Any
) -> None:
    got, received = inbox(), inbox()
    listener = await secure_listener(bus, ca.issue("server"), addresses=(Address(DIRECT, "agent"),), on_message=got)
    client = await bus.connect(EVERYTHING, received, tls=ca.issue("site-b"))
    await client.send(message("agent", node=DIRECT, user_id="somebody-else"))
    request, identity = await got.get()
    assert (identity.user, identity.authenticated) == ("CN=site-b", True)
    assert request.user_id == "CN=site-b"
    listener.send(message("to.the.client"))
    assert (await received.get()).to.subject == "to.the.client"


async def test_answers_and_requests_are_heard_by_who_they_are_for_alone(
    bus: Any, ca: Any, inbox: Any, message: Any
) -> None:
    """An answer may hold a publication, with secrets that a viewer must not see."""
    agents_own = Address(DIRECT, "agent")
    await secure_listener(bus, ca.issue("server"), addresses=(agents_own,))
    answers, overheard = inbox(), inbox()
    console = Address(TOPIC, "direct-console.0815")
    mine = await bus.connect((console,), answers, tls=ca.issue("console"))
    spy = await bus.connect(EVERYTHING, overheard, tls=ca.issue("spy"))
    for taken in (console, agents_own):
        await assert_refused(bus.url, "amqp:not-allowed .* is for another", ca.issue("spy"), (taken,))
    await bus.connect((console,), tls=ca.issue("console"))  # the same console, back before its old connection is over
    await mine.send(message(console.subject))
    await mine.send(message("to.everybody"))
    assert (await answers.get()).to == console
    assert (await overheard.get()).to.subject == "to.everybody"
    assert spy.connected


async def assert_refused(url: str, reason: str, config: Any, addresses: tuple[Address, ...] = EVERYTHING) -> None:
    connection = Connection(url, tls=config, addresses=addresses, on_message=lambda message: None)
    connection.start()
    try:
        with pytest.raises(ConnectionLost, match=reason):
            await connection.wait_up(WAIT, patient=False)
    finally:
        await connection.stop()


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        (lambda ca, other: other.issue("stranger", ca=ca.path), "unknown ca"),
        (lambda ca, other: ca.issue("expired", lasts=timedelta(days=-1)), "certificate expired"),
        (lambda ca, other: replace(ca.issue("distrustful"), ca=other.path), "certificate verify failed"),
        (lambda ca, other: replace(ca.issue("misled"), peer_name="other.example"), "certificate verify failed"),
    ],
    ids=["signed by another CA", "expired", "listener not trusted", "listener has another name"],
)
async def test_a_certificate_that_is_not_good_is_refused(
    bus: Any, ca: Any, other_ca: Any, client: Callable[..., Any], reason: str
) -> None:
    await secure_listener(bus, ca.issue("server"))
    await assert_refused(bus.url, reason, client(ca, other_ca))


async def test_who_is_not_admitted_is_told_so(bus: Any, ca: Any, inbox: Any, caplog: pytest.LogCaptureFixture) -> None:
    asked = inbox()

    def admit(identity: Identity) -> bool:
        asked(identity)
        return identity.user == "CN=friend"

    await secure_listener(bus, ca.issue("server"), admit=admit)
    assert (await bus.connect(EVERYTHING, tls=ca.issue("friend"))).connected
    with caplog.at_level(logging.WARNING, "qmfagent.bus.listener.peer"):
        await assert_refused(bus.url, "unauthorized-access: CN=foe may not connect here", ca.issue("foe"))
    assert [(await asked.get()).authenticated for _ in range(2)] == [True, True]
    assert "not admitted: " in caplog.text
    assert "CN=foe" in caplog.text


async def test_a_peer_is_kept_out_where_it_can_not_be_told_whether_it_may_come_in(bus: Any, ca: Any) -> None:
    def admit(identity: Identity) -> bool:
        raise ZeroDivisionError

    await secure_listener(bus, ca.issue("server"), admit=admit)
    await assert_refused(bus.url, "can't reach", ca.issue("site-b"))


async def test_an_address_in_a_certificate_is_not_looked_at_and_the_error_says_so(bus: Any, ca: Any) -> None:
    """proton compares names alone: certificate_name stands in for the address."""
    await bus.listen(url="amqps://127.0.0.1:0", tls=ca.issue("site-a", host="127.0.0.1"))
    await assert_refused(bus.url, r"by name, not by 127\.0\.0\.1: give the name", ca.issue("site-b"))
    assert (await bus.connect(EVERYTHING, tls=replace(ca.issue("site-b"), peer_name="site-a"))).connected


async def test_an_expired_certificate_of_the_listener_is_refused(bus: Any, ca: Any) -> None:
    await secure_listener(bus, ca.issue("old-server", lasts=timedelta(days=-1)))
    await assert_refused(bus.url, "certificate verify failed", ca.issue("site-b"))


async def test_peer_name_stands_in_for_the_host_of_the_url(bus: Any, ca: Any) -> None:
    await secure_listener(bus, ca.issue("named", host="site-a.example"))
    config = replace(ca.issue("site-b"), peer_name="site-a.example")
    assert (await bus.connect(EVERYTHING, tls=config)).connected


def without_certificate(url: str, ca: Path) -> None:
    domain = proton.SSLDomain(proton.SSLDomain.MODE_CLIENT)
    domain.set_trusted_ca_db(str(ca))
    domain.set_peer_authentication(proton.SSLDomain.VERIFY_PEER)
    BlockingConnection(url, ssl_domain=domain, timeout=WAIT, reconnect=False).close()


async def test_a_client_without_certificate_is_refused(bus: Any, ca: Any) -> None:
    await secure_listener(bus, ca.issue("server"))
    with pytest.raises(proton.ProtonException):
        await asyncio.to_thread(without_certificate, bus.url, ca.path)


async def test_a_client_that_skips_sasl_is_refused(bus: Any, ca: Any) -> None:
    await secure_listener(bus, ca.issue("server"))
    domain = ca.issue("site-b").client_domain().current()
    with pytest.raises(proton.ProtonException):
        await asyncio.to_thread(
            BlockingConnection, bus.url, ssl_domain=domain, sasl_enabled=False, timeout=WAIT, reconnect=False
        )


async def test_plain_amqp_is_refused_where_tls_is_spoken(bus: Any, ca: Any) -> None:
    await secure_listener(bus, ca.issue("server"))
    await assert_refused(bus.url.replace("amqps", "amqp"), "can't reach", None)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_old_tls_is_refused(bus: Any, ca: Any, version: ssl.TLSVersion) -> None:
    await secure_listener(bus, ca.issue("server"))
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context = old_context(ca.issue("old"), version)
    port = int(bus.url.rpartition(":")[2])
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("localhost", port, ssl=context)


def old_context(config: Any, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=config.ca)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(config.certificate, config.key)
    return context


async def test_tls_1_2_is_accepted(bus: Any, ca: Any) -> None:
    await secure_listener(bus, ca.issue("server"))
    config = ca.issue("modern")
    context = ssl.create_default_context(cafile=config.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(config.certificate, config.key)
    _, writer = await asyncio.open_connection("localhost", int(bus.url.rpartition(":")[2]), ssl=context)
    writer.close()


# -- files ---------------------------------------------------------------------------------------------------------


def test_a_missing_file_is_named(ca: Any) -> None:
    config = replace(ca.issue("server"), key=Path("missing.key"))
    with pytest.raises(ConfigError, match=r"key missing\.key"):
        config.server_domain()


def test_a_key_that_belongs_to_another_certificate_is_named(ca: Any) -> None:
    config = replace(ca.issue("server"), key=ca.issue("other").key)
    with pytest.raises(ConfigError, match="can't be used together"):
        config.client_domain()


def test_a_key_with_a_passphrase_is_refused(ca: Any, tmp_path: Path) -> None:
    config = ca.issue("server")
    key = load_pem_private_key(config.key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(ConfigError, match="passphrase"):
        replace(config, key=locked).server_domain()


def test_a_ca_file_without_certificates_is_named(ca: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    with pytest.raises(ConfigError, match=r"empty\.pem"):
        replace(ca.issue("server"), ca=empty).server_domain()


def test_a_proton_without_tls_is_named(ca: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_module.proton.SSL, "present", staticmethod(lambda: False))
    with pytest.raises(ConfigError, match="libssl-dev"):
        ca.issue("server").server_domain()
