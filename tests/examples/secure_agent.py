"""An agent of its own process that speaks TLS alone: with certificates at one port, with passwords at another."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from qmfagent.bus.security.tls import TlsConfig
from tests.certificates import CertificateAuthority
from tests.ports import free_port

WAIT = 60.0
USER, PASSWORD = "bob@qmfagent", "open sesame"


@dataclass(frozen=True)
class SecureAgent:
    """Where it listens, the CA that it is to be known by, and what a console may prove itself with."""

    url: str
    password_url: str
    console: TlsConfig
    password_file: Path


@asynccontextmanager
async def secure_agent(folder: Path, cib: bytes) -> AsyncIterator[SecureAgent]:
    """Run it on a CIB, as site paris; `operator` may come by certificate, USER by password."""
    authority = CertificateAuthority(folder, "ca")
    tls = authority.issue("paris")
    agent = SecureAgent(
        f"amqps://localhost:{free_port()}",
        f"amqps://localhost:{free_port()}",
        authority.issue("operator"),
        folder / "password",
    )
    for file, text in ((agent.password_file, f"{PASSWORD}\n"), (folder / "paris.xml", cib.decode())):
        file.write_text(text)
        file.chmod(0o600)
    users = folder / "users.sasldb"
    name, realm = USER.split("@")
    command = ["saslpasswd2", "-c", "-p", "-f", str(users), "-u", realm, name]
    subprocess.run(command, input=PASSWORD.encode(), check=True)
    users.chmod(0o600)
    (folder / "paris.toml").write_text(f"""
site = "paris"
[cib]
file = "paris.xml"
[listen]
url = "{agent.url}"
password_url = "{agent.password_url}"
users = "{users}"
[tls]
certificate = "{tls.certificate}"
key = "{tls.key}"
ca = "{tls.ca}"
[[access]]
identity = ["CN=operator", "{USER}"]
role = "viewer"
""")
    ready = folder / "ready"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(ready))
        told.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "qmfagent", "run", "--config", folder / "paris.toml"),
            env={"NOTIFY_SOCKET": str(ready)},
        )
        try:
            async with asyncio.timeout(WAIT):
                while b"READY=1" not in await asyncio.get_running_loop().sock_recv(told, 1000):
                    pass
            yield agent
        finally:
            process.terminate()
            await process.wait()
