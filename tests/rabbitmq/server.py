"""A real RabbitMQ, without systemd and without root: its own node, directories, ports of loopback, and epmd.

Rules of this file: everything that is started is a child of ours, and ended by its pid. Nothing listens beyond loopback.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pika

from tests.certificates import CertificateAuthority
from tests.ports import free_port

SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CONTROL = Path("/usr/lib/rabbitmq/bin/rabbitmqctl")
START = 180.0
"""Seconds that it may take to start, and rabbitmqctl to end: many times what either takes on a machine at rest."""

Permissions = tuple[str, str, str]
EVERYTHING: Permissions = (".*", ".*", ".*")


class RabbitMq:
    """One broker. It is up from `start` to `stop`, and may be killed and started again meanwhile."""

    def __init__(self, directory: Path, name: str = "qmf", plugins: tuple[str, ...] = ()) -> None:
        """Prepare a broker that keeps everything in `directory`, and has more plugins than those that it needs anyway.

        `definitions` may be given more of what RabbitMQ's definitions file takes, before it is started.
        """
        self.directory = directory
        self.port, self.tls_port, distribution, self._epmd_port = (free_port() for _ in range(4))
        self.url = f"amqp://127.0.0.1:{self.port}"
        self.tls_url = f"amqps://localhost:{self.tls_port}"
        self.authority = CertificateAuthority(directory, "ca")
        self._node = f"{name}@localhost"
        self._users: list[dict[str, Any]] = []
        self._permissions: list[dict[str, Any]] = []
        self._topic_permissions: list[dict[str, Any]] = []
        self.definitions: dict[str, Any] = {}
        self._environment = {
            **os.environ,
            "HOME": str(directory),
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_PID_FILE": str(directory / "pid"),
            "RABBITMQ_DIST_PORT": str(distribution),
            # Its script becomes the broker itself then, which can be killed by its pid.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
            "RABBITMQ_CTL_ERL_ARGS": "+S 1:1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        needed = ("rabbitmq_amqp1_0", "rabbitmq_auth_mechanism_ssl", *plugins)
        (directory / "enabled_plugins").write_text(f"[{','.join(needed)}].\n")
        self._epmd: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def add_user(
        self,
        name: str,
        password: str = "",
        permissions: Permissions = EVERYTHING,
        topics: tuple[str, str] = (".*", ".*"),
    ) -> None:
        """A user from the next start on. `permissions` are what it may configure, write and read, as patterns of names;
        `topics` the routing keys that it may publish with, and bind, at the topic exchange."""
        login = {"password": password} if password else {"password_hash": ""}
        self._users.append({"name": name, "tags": "", **login})
        place = {"user": name, "vhost": "/"}
        configure, write, read = permissions
        self._permissions.append({**place, "configure": configure, "write": write, "read": read})
        write, read = topics
        self._topic_permissions.append({**place, "exchange": "qmf.default.topic", "write": write, "read": read})

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        if self._epmd is None:
            self._epmd = subprocess.Popen(
                [_epmd(), "-address", "127.0.0.1", "-port", str(self._epmd_port)], stdin=subprocess.DEVNULL
            )
            # A node that finds none starts one of its own.
            self._wait(self._epmd, self._epmd_port, "epmd")
        self._configure()
        with (self.directory / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [SCRIPT, "-noinput"],
                env=self._environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._wait(self._process, self.port, "RabbitMQ")

    def write_down(self) -> None:
        """Have it write its queues and bindings to the disk: right after it has confirmed one, a power cut still loses it."""
        assert self.control("eval", "mnesia:sync_log().").strip() == "ok"

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        if self._process is not None:
            if self._process.poll() is None:
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it for good."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None

    def control(self, *command: str) -> str:
        """Run rabbitmqctl; what it prints. It takes seconds."""
        done = subprocess.run(
            [CONTROL, "--quiet", *command],
            env=self._environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def forget(self) -> None:
        """Delete the queues that would outlive a test: those of durable subscribers."""
        for user in self._users:
            name, password = user["name"], user.get("password")
            if password:
                parameters = pika.ConnectionParameters(
                    "127.0.0.1", self.port, credentials=pika.PlainCredentials(name, password)
                )
                with pika.BlockingConnection(parameters) as connection:
                    connection.channel().queue_delete(f"qmf.{name}.events.{name}")

    def _configure(self) -> None:
        certificates = self.authority.issue("broker")
        settings = {
            "listeners.tcp.1": f"127.0.0.1:{self.port}",
            "listeners.ssl.1": f"127.0.0.1:{self.tls_port}",
            "ssl_options.cacertfile": self.authority.path,
            "ssl_options.certfile": certificates.certificate,
            "ssl_options.keyfile": certificates.key,
            "ssl_options.verify": "verify_peer",
            "ssl_options.fail_if_no_peer_cert": "false",
            "ssl_cert_login_from": "common_name",
            "auth_mechanisms.1": "PLAIN",
            "auth_mechanisms.2": "EXTERNAL",
            "loopback_users": "none",
            "amqp1_0.default_user": "none",
            "disk_free_limit.absolute": "10MB",
            "load_definitions": self.directory / "definitions.json",
        }
        (self.directory / "rabbitmq.conf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        definitions = {
            "vhosts": [{"name": "/"}],
            "users": self._users,
            "permissions": self._permissions,
            "topic_permissions": self._topic_permissions,
            **self.definitions,
        }
        (self.directory / "definitions.json").write_text(json.dumps(definitions))

    def _wait(self, process: subprocess.Popen[bytes], port: int, name: str) -> None:
        """Wait until a process that was started takes connections."""
        deadline = time.monotonic() + START
        while not _takes_connections(port):
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                output = self.directory / "output"
                raise AssertionError(f"{name} did not start: {output.read_text()[-2000:] if output.exists() else ''}")
            time.sleep(0.1)


def _takes_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _epmd() -> str:
    found = shutil.which("epmd") or next(map(str, Path("/usr/lib/erlang").glob("erts-*/bin/epmd")), "")
    assert found, "no epmd: apt-get install rabbitmq-server"
    return found
