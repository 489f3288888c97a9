"""Helpers of the bus tests: listeners and connections on loopback that are closed afterwards, and certificates."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from qmfagent.bus.client import Connection
from qmfagent.bus.identity import Identity
from qmfagent.bus.limits import Limits
from qmfagent.bus.listener import Listener
from qmfagent.bus.tls import TlsConfig
from qmfagent.qmf.message import DIRECT, REQUEST, RESPONSE, TOPIC, Address, Message

WAIT = 5.0
DAY = timedelta(days=1)


@dataclass
class Inbox:
    """Collects messages; `get` waits for the next one."""

    queue: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)

    def __call__(self, *args: Any) -> None:
        self.queue.put_nowait(args[0] if len(args) == 1 else args)

    async def get(self) -> Any:
        async with asyncio.timeout(WAIT):
            return await self.queue.get()

    @property
    def empty(self) -> bool:
        return self.queue.empty()


class Bus:
    """Starts listeners and connections for one test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.url = ""

    async def listen(
        self,
        addresses: tuple[Address, ...] = (),
        on_message: Callable[[Message, Identity], None] = lambda message, identity: None,
        *,
        url: str = "amqp://127.0.0.1:0",
        **options: Any,
    ) -> Listener:
        """A started listener; `url` is then where it listens."""
        listener = Listener(url, addresses=addresses, on_message=on_message, **options)
        port = await listener.start()
        self._stack.push_async_callback(listener.stop)
        self.url = url.removesuffix(":0") + f":{port}" if url.endswith(":0") else url
        return listener

    async def connect(
        self, addresses: tuple[Address, ...] = (), on_message: Callable[[Message], None] | None = None, **options: Any
    ) -> Connection:
        """A connection to the listener that is up."""
        url, timeout = options.pop("url", self.url), options.pop("timeout", WAIT)
        connection = Connection(url, addresses=addresses, on_message=on_message or Inbox(), **options)
        connection.start()
        self._stack.push_async_callback(connection.stop)
        await connection.wait_up(timeout)
        return connection


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    async with AsyncExitStack() as stack:
        yield Bus(stack)


@pytest.fixture
def inbox() -> Callable[[], Inbox]:
    return Inbox


@pytest.fixture
def quick() -> Limits:
    """Limits for tests that wait for one of them."""
    return replace(Limits(), open_timeout=0.3, idle_timeout=0.6)


def message(subject: str, *, node: str = TOPIC, **fields: Any) -> Message:
    """A small QMF message."""
    fields = {"opcode": "_data_indication", "method": "indication", "body": {"n": 1}} | fields
    return Message(to=Address(node, subject), **fields)


@pytest.fixture(name="message")
def message_fixture() -> Callable[..., Message]:
    return message


@pytest.fixture
def echo(bus: Bus) -> Callable[..., Awaitable[Listener]]:
    """Starts a listener whose agent answers each request to direct address `echo` with the request's own body."""

    async def start(**options: Any) -> Listener:
        def answer(request: Message, identity: Identity) -> None:
            assert request.method == REQUEST
            assert request.reply_to is not None
            listener.send(
                Message(
                    to=request.reply_to,
                    opcode="_method_response",
                    method=RESPONSE,
                    body=request.body,
                    correlation_id=request.correlation_id,
                    agent="echo",
                )
            )

        listener = await bus.listen((Address(DIRECT, "echo"),), answer, **options)
        return listener

    return start


class CertificateAuthority:
    """Issues certificates into a directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._build(self._name, self._key.public_key(), DAY).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.path = directory / f"{name}.pem"
        self.path.write_bytes(certificate.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def issue(self, name: str, *, host: str = "localhost", lasts: timedelta = DAY, ca: Path | None = None) -> TlsConfig:
        """A configuration with a certificate for CN `name` and DNS name `host`, that trusts `ca` (by default us)."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._build(subject, key.public_key(), lasts).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
        )
        files = self._directory / f"{self.path.stem}-{name}.pem", self._directory / f"{self.path.stem}-{name}.key"
        files[0].write_bytes(certificate.sign(self._key, SHA256()).public_bytes(Encoding.PEM))
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return TlsConfig(*files, ca or self.path)

    def _build(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, lasts: timedelta) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + lasts)
        )


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="session")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("other-ca"), "other-ca")
