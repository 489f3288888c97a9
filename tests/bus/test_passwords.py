"""Users and passwords: SCRAM-SHA-256 and PLAIN on a port of their own, with a real sasldb, and the client's side of it."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from qmfagent.bus.client.connection import Connection
from qmfagent.bus.listener.endpoint import Endpoint
from qmfagent.bus.security import handshake, sasl
from qmfagent.bus.security.credentials import Credentials, read_credentials
from qmfagent.bus.security.login import check_login
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.errors import ConfigError, ConnectionLost
from qmfagent.qmf.message import DIRECT, REQUEST, TOPIC, Address
from tests.bus.foreign import WAIT

BOB = Credentials("bob@qmfagent", "open sesame")
ME = Address(TOPIC, "me")


@dataclass(frozen=True)
class Ports:
    """Where the listener of a test is: for certificates, and for passwords."""

    certificates: str
    passwords: str
    ca: TlsConfig
    users: Path


def set_password(users: Path, credentials: Credentials) -> None:
    user, _, realm = credentials.user.partition("@")
    command = ["saslpasswd2", "-c", "-p", "-f", str(users), "-u", realm, user]
    subprocess.run(command, input=credentials.password.encode(), check=True)
    users.chmod(0o600)


@pytest.fixture(scope="module")
def ports(ca: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    users = tmp_path_factory.mktemp("sasl") / "users.sasldb"
    set_password(users, BOB)
    tls = ca.issue("password-listener")
    program = [sys.executable, str(Path(__file__).with_name("password_listener.py"))]
    with subprocess.Popen(
        [*program, str(tls.certificate), str(tls.key), str(tls.ca), str(users)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        certificates, passwords = json.loads(process.stdout.readline())
        yield Ports(
            f"amqps://localhost:{certificates}",
            f"amqps://localhost:{passwords}",
            TlsConfig(None, None, ca.path),
            users,
        )
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(WAIT) == 0


@pytest.fixture
def ask(bus: Any, inbox: Any, message: Any) -> Callable[..., Any]:
    """Asks the listener who one is; the answer, and the mechanism that was used."""

    async def go(url: str, **options: Any) -> tuple[dict[str, Any], str]:
        answers = inbox()
        client = await bus.connect((ME,), answers, url=url, **options)
        await client.send(message("whoami", node=DIRECT, method=REQUEST, reply_to=ME, user_id="root"))
        answer = await answers.get()
        return answer.body, client._uplink.engine._transport.sasl().mech

    return go


async def refused(url: str, reason: str, **options: Any) -> None:
    connection = Connection(url, addresses=(ME,), on_message=lambda message: None, **options)
    connection.start()
    try:
        with pytest.raises(ConnectionLost, match=reason):
            await connection.wait_up(WAIT, patient=False)
    finally:
        await connection.stop()


# -- at the listener -----------------------------------------------------------------------------------------------


async def test_a_user_logs_in_by_scram_and_is_known_by_name(ask: Any, ports: Ports) -> None:
    answer, mechanism = await ask(ports.passwords, tls=ports.ca, credentials=BOB)
    assert answer == {"user": "bob@qmfagent", "authenticated": True}
    assert mechanism == "SCRAM-SHA-256"


async def test_plain_is_taken_inside_tls(ask: Any, ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "SCRAM_OR_PLAIN", "PLAIN")
    answer, mechanism = await ask(ports.passwords, tls=ports.ca, credentials=BOB)
    assert (answer["user"], mechanism) == ("bob@qmfagent", "PLAIN")


def frame(code: int, *fields: bytes) -> bytes:
    """A SASL frame: AMQP 1.0 part 5.3.1."""
    listed = b"".join(fields)
    body = b"\x00\x53" + bytes([code]) + b"\xd0" + (len(listed) + 4).to_bytes(4, "big")
    body += len(fields).to_bytes(4, "big") + listed
    return (len(body) + 8).to_bytes(4, "big") + b"\x02\x01\x00\x00" + body


def binary(data: bytes) -> bytes:
    return b"\xa0" + bytes([len(data)]) + data


INIT = frame(0x41, b"\xa3\x0dSCRAM-SHA-256", binary(b"n,,n=bob@qmfagent,r=0123456789"))
RESPONSE = frame(0x43, binary(b"c=biws,r=0123456789,p=x"))


@pytest.mark.parametrize(
    "frames",
    [[RESPONSE], [RESPONSE, INIT], [INIT, INIT], [INIT, RESPONSE, INIT, RESPONSE]],
    ids=["answer", "late", "twice", "all"],
)
async def test_a_log_in_out_of_order_fails_alone(ask: Any, ports: Ports, frames: list[bytes]) -> None:
    context = ssl.create_default_context(cafile=str(ports.ca.ca))
    reader, writer = await asyncio.open_connection("localhost", BusUrl.parse(ports.passwords).port, ssl=context)
    writer.write(b"AMQP\x03\x01\x00\x00" + b"".join(frames))
    async with asyncio.timeout(WAIT):
        heard = await reader.read()
    assert b"AMQP\x00\x01\x00\x00" not in heard
    writer.close()
    assert (await ask(ports.passwords, tls=ports.ca, credentials=BOB))[0]["user"] == "bob@qmfagent"


async def test_a_certificate_is_the_identity_at_the_other_port_of_the_same_listener(
    ask: Any, ports: Ports, ca: Any
) -> None:
    answer, mechanism = await ask(ports.certificates, tls=ca.issue("site-b"))
    assert (answer["user"], mechanism) == ("CN=site-b", "EXTERNAL")


@pytest.mark.parametrize(
    "credentials",
    [replace(BOB, password="open barley"), replace(BOB, user="nobody@qmfagent"), replace(BOB, user="bob")],
    ids=["wrong password", "unknown user", "no realm"],
)
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "PLAIN"])
async def test_who_is_not_let_in_is_told_so(
    ports: Ports, credentials: Credentials, mechanism: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "SCRAM_OR_PLAIN", mechanism)
    await refused(ports.passwords, f"user '{credentials.user}' was not let in", tls=ports.ca, credentials=credentials)


async def test_the_user_is_who_has_proved_it_not_who_somebody_would_like_to_be(
    bus: Any, ask: Any, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SASL lets a client ask to act as another; proton's server agrees to that, whoever it is."""
    begin = handshake.Handshake.start

    def start(self: handshake.Handshake, host: str) -> str:
        monkeypatch.undo()
        return begin(self, host)

    original = handshake.Handshake.__init__

    def acting_as_alice(self: Any, transport: Any, connection: Any, **options: Any) -> None:
        original(self, transport, connection, **options)
        connection.authorization = "alice@qmfagent"

    monkeypatch.setattr(handshake.Handshake, "__init__", acting_as_alice)
    monkeypatch.setattr(handshake.Handshake, "start", start)
    answer, _ = await ask(ports.passwords, tls=ports.ca, credentials=BOB)
    assert answer["user"] == "bob@qmfagent"


async def test_passwords_do_not_open_the_port_for_certificates(ports: Ports, ca: Any) -> None:
    await refused(ports.certificates, "can't reach", tls=ports.ca, credentials=BOB)
    await refused(ports.certificates, "no SASL mechanism in common", tls=ca.issue("site-b"), credentials=BOB)


async def test_certificates_do_not_open_the_port_for_passwords(ports: Ports, ca: Any) -> None:
    await refused(ports.passwords, "no SASL mechanism in common", tls=ca.issue("site-b"))


async def test_a_changed_password_counts_at_once(ask: Any, ports: Ports) -> None:
    carol = Credentials("carol@qmfagent", "first")
    set_password(ports.users, carol)
    assert (await ask(ports.passwords, tls=ports.ca, credentials=carol))[0]["user"] == carol.user
    set_password(ports.users, replace(carol, password="second"))
    await refused(ports.passwords, "was not let in", tls=ports.ca, credentials=carol)


# -- the users file ------------------------------------------------------------------------------------------------


def test_a_users_file_that_is_not_there_is_told_with_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not there; .*saslpasswd2 -c -f .*users\.sasldb -u qmfagent"):
        sasl.use_users(tmp_path / "users.sasldb")


def test_a_users_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    users = tmp_path / "users.sasldb"
    set_password(users, BOB)
    users.chmod(0o644)
    with pytest.raises(ConfigError, match=r"0644.*chmod 0600"):
        sasl.use_users(users)


@pytest.mark.parametrize(
    ("plugins", "package"), [(["libscram.so"], "libsasl2-modules-db"), (["libsasldb.so"], "libsasl2-modules$")]
)
def test_missing_packages_are_named(ports: Ports, tmp_path: Path, plugins: list[str], package: str) -> None:
    for plugin in plugins:
        for found in sasl._plugin_directories():
            for file in found.glob(f"{plugin}*"):
                (tmp_path / file.name).symlink_to(file)
    program = "import sys; from pathlib import Path; from qmfagent.bus.security.sasl import use_users;"
    program += "use_users(Path(sys.argv[1]))"
    outcome = subprocess.run(
        [sys.executable, "-c", program, str(ports.users)],
        env={"SASL_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ConfigError" in outcome.stderr
    assert re.search(f"install the package {package}", outcome.stderr, re.MULTILINE)


async def test_a_process_that_has_spoken_sasl_before_can_not_look_up_users(bus: Any, ports: Ports) -> None:
    """What Cyrus SASL was set up with first holds: better an error than a port where nobody can log in."""
    await bus.listen()
    await bus.connect()
    with pytest.raises(ConfigError, match="set up in this process before"):
        sasl.use_users(ports.users)


def test_passwords_need_tls_at_the_listener(ports: Ports) -> None:
    with pytest.raises(ConfigError, match="unencrypted"):
        Endpoint("amqp://127.0.0.1:0", users=ports.users)


# -- the client's side ---------------------------------------------------------------------------------------------


def test_a_password_is_in_no_text() -> None:
    assert "open sesame" not in repr(BOB)
    assert "open sesame" not in str(BOB)


@pytest.mark.parametrize("url", ["amqp://192.0.2.1", "amqp://agent.example.com", "amqp://localhost.example.com"])
def test_a_password_is_not_sent_unencrypted(url: str) -> None:
    with pytest.raises(ConfigError, match=r"unencrypted to .*; write amqps"):
        check_login(BusUrl.parse(url), None, BOB)


@pytest.mark.parametrize("url", ["amqp://127.0.0.1", "amqp://[::1]", "amqp://localhost"])
def test_a_password_may_be_sent_within_this_host(url: str) -> None:
    check_login(BusUrl.parse(url), None, BOB)


async def test_localhost_that_is_another_host_gets_no_password(bus: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may mean anything: what counts in the end is the address that the socket is connected with."""
    await bus.listen(url="amqp://localhost:0")
    monkeypatch.setattr(handshake, "is_loopback", lambda host: False)
    await refused(bus.url, "the password of user 'bob@qmfagent' is not sent unencrypted", credentials=BOB)


def test_tls_without_certificate_or_user_is_nothing_to_log_in_with(ca: Any) -> None:
    with pytest.raises(ConfigError, match="nothing to log in with"):
        check_login(BusUrl.parse("amqps://agent.example.com"), TlsConfig(None, None, ca.path), None)


def test_a_password_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame\nignored\n")
    file.chmod(0o600)
    assert read_credentials("bob", file) == Credentials("bob", "open sesame")


@pytest.mark.parametrize(
    ("content", "mode", "wrong"),
    [
        (b"open sesame\n", 0o644, "chmod 0600"),
        (b"\n", 0o600, "empty first line"),
        (b"\xff\n", 0o600, "no UTF-8"),
    ],
)
def test_a_password_file_that_is_no_good(tmp_path: Path, content: bytes, mode: int, wrong: str) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(ConfigError, match=wrong):
        read_credentials("bob", file)


def test_a_password_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_credentials("bob", tmp_path / "nothing")
