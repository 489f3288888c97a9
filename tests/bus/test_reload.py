"""Certificates that are replaced while listener and clients run."""

from __future__ import annotations

import logging
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import proton
import pytest

from qmfagent.bus.client.connection import Connection
from qmfagent.bus.security.reload import ReloadedDomain
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.errors import ConfigError, ConnectionLost
from qmfagent.qmf.message import TOPIC, Address
from tests.bus.foreign import WAIT

EVERYTHING = (Address(TOPIC, "#"),)


@pytest.fixture
def installed(tmp_path: Path) -> Any:
    """Puts certificate, key and CA in place, as an administrator does: always under the same names."""
    places = TlsConfig(tmp_path / "site.pem", tmp_path / "site.key", tmp_path / "ca.pem")

    def install(config: TlsConfig) -> TlsConfig:
        for source, place in zip(config.files, places.files, strict=True):
            fresh = place.with_suffix(".new")
            shutil.copy(source, fresh)
            fresh.replace(place)
        return places

    return install


def peer_of(client: Connection) -> str:
    uplink: Any = client._uplink
    return str(uplink.engine.identity.user)


async def refused(url: str, tls: TlsConfig) -> str:
    connection = Connection(url, tls=tls, addresses=EVERYTHING, on_message=lambda message: None)
    connection.start()
    try:
        with pytest.raises(ConnectionLost) as caught:
            await connection.wait_up(WAIT, patient=False)
        return str(caught.value)
    finally:
        await connection.stop()


async def test_new_connections_see_the_listeners_new_certificate_and_old_ones_stay(
    bus: Any, ca: Any, installed: Any
) -> None:
    await bus.listen(url="amqps://localhost:0", tls=installed(ca.issue("before")))
    early = await bus.connect(tls=ca.issue("site-b"))
    installed(ca.issue("after"))
    late = await bus.connect(tls=ca.issue("site-b"))
    assert (peer_of(early), peer_of(late)) == ("CN=before", "CN=after")
    assert early.connected


async def test_a_client_that_connects_again_shows_its_new_certificate(
    bus: Any, ca: Any, inbox: Any, installed: Any
) -> None:
    seen, up = inbox(), inbox()
    await bus.listen(url="amqps://localhost:0", tls=ca.issue("server"), admit=lambda who: seen(who.user) or True)
    client = await bus.connect(tls=installed(ca.issue("before")), on_up=lambda: up(True))
    await up.get()
    installed(ca.issue("after"))
    client._uplink.engine.abort()
    await up.get()
    assert [await seen.get(), await seen.get()] == ["CN=before", "CN=after"]


async def test_an_expired_certificate_is_mended_by_replacing_it(bus: Any, ca: Any, installed: Any) -> None:
    """The client goes on trying; neither end is started again."""
    await bus.listen(url="amqps://localhost:0", tls=installed(ca.issue("old", lasts=timedelta(days=-1))))
    connection = Connection(bus.url, tls=ca.issue("site-b"), addresses=EVERYTHING, on_message=lambda message: None)
    connection.start()
    try:
        with pytest.raises(ConnectionLost, match="certificate verify failed"):
            await connection.wait_up(WAIT, patient=False)
        installed(ca.issue("new"))
        await connection.wait_up(WAIT)
    finally:
        await connection.stop()


async def test_the_ca_is_exchanged(bus: Any, ca: Any, other_ca: Any, installed: Any) -> None:
    await bus.listen(url="amqps://localhost:0", tls=installed(ca.issue("server")))
    early = await bus.connect(tls=ca.issue("site-b"))
    installed(other_ca.issue("server"))
    assert "TLS failed" in await refused(bus.url, ca.issue("site-b"))
    assert peer_of(await bus.connect(tls=other_ca.issue("site-b"))) == "CN=server"
    assert early.connected


async def test_two_cas_are_trusted_while_one_takes_over(
    bus: Any, ca: Any, other_ca: Any, installed: Any, tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(ca.path.read_bytes() + other_ca.path.read_bytes())
    await bus.listen(url="amqps://localhost:0", tls=installed(ca.issue("server", ca=both)))
    for config in (ca.issue("site-b"), other_ca.issue("site-b", ca=both)):
        assert peer_of(await bus.connect(tls=config)) == "CN=server"


async def test_broken_files_change_nothing_and_are_told_once(
    bus: Any, ca: Any, installed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    places = installed(ca.issue("good"))
    await bus.listen(url="amqps://localhost:0", tls=places)
    with caplog.at_level(logging.INFO, "qmfagent.bus.security.reload"):
        places.certificate.write_text("half a certifi")
        for _ in range(3):
            assert peer_of(await bus.connect(tls=ca.issue("site-b"))) == "CN=good"
        (error,) = caplog.records
        assert error.levelname == "ERROR"
        assert "site.pem" in error.message
        caplog.clear()
        installed(ca.issue("mended"))
        assert peer_of(await bus.connect(tls=ca.issue("site-b"))) == "CN=mended"
        assert [record.levelname for record in caplog.records] == ["INFO"]


async def test_a_certificate_whose_key_has_not_come_yet_waits_for_it(bus: Any, ca: Any, installed: Any) -> None:
    places = installed(ca.issue("before"))
    await bus.listen(url="amqps://localhost:0", tls=places)
    after = ca.issue("after")
    shutil.copy(after.certificate, places.certificate)
    assert peer_of(await bus.connect(tls=ca.issue("site-b"))) == "CN=before"
    shutil.copy(after.key, places.key)
    assert peer_of(await bus.connect(tls=ca.issue("site-b"))) == "CN=after"


# -- when files are read ---------------------------------------------------------------------------------------------


def made(path: Path) -> tuple[ReloadedDomain, list[str]]:
    reads: list[str] = []

    def make() -> proton.SSLDomain:
        reads.append(path.read_text())
        if reads[-1] == "bad":
            raise ConfigError("bad")
        return object()

    return ReloadedDomain((path,), make), reads


def test_files_are_read_when_they_have_changed_and_not_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    domain, reads = made(path)
    first = domain.current()
    assert domain.current() is first
    path.write_text("three")
    assert domain.current() is not first
    assert reads == ["one", "three"]


def test_a_file_of_the_same_size_and_time_in_place_of_another_is_seen(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_text("one")
    domain, reads = made(path)
    other.write_text("two")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    domain.current()
    assert reads == ["one", "two"]


def test_a_bad_file_is_read_again_once_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    # Of different sizes: what is written within one tick of the clock has the same time.
    path.write_text("good")
    domain, reads = made(path)
    path.write_text("bad")
    first = domain.current()
    path.write_text("mended")
    assert domain.current() is not first
    assert reads == ["good", "bad", "mended"]


def test_files_that_are_bad_from_the_start_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("bad")
    with pytest.raises(ConfigError):
        made(path)
