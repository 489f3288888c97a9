"""An agent's process on a CIB file, reached on loopback by whoever connects."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consoles.client import Console
from qmfagent.errors import QmfAgentError
from tests.certificates import write_signing_keys
from tests.ports import free_port

SITE = "bench"
WAIT = 60.0


@dataclass(frozen=True, slots=True)
class FileAgent:
    """The agent of site SITE: its process, its CIB file and its listener."""

    process: subprocess.Popen[bytes]
    file: Path
    url: str


@contextmanager
def file_agent(cib: bytes) -> Iterator[FileAgent]:
    """An agent that answers; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="qmfagent-bench-") as folder:
        file, config, url = Path(folder, "cib.xml"), Path(folder, "agent.toml"), f"amqp://127.0.0.1:{free_port()}"
        file.write_bytes(cib)
        write_signing_keys(Path(folder), SITE)
        config.write_text(
            f'site = "{SITE}"\n[cib]\nfile = "{file}"\n[listen]\nurl = "{url}"\n[replication]\n'
            f'signing_key = "{SITE}.sign.key"\n[[access]]\nidentity = "anonymous"\nrole = "viewer"\n'
        )
        command = [sys.executable, "-m", "qmfagent", "run", "--config", str(config), "--log-level", "warning"]
        with subprocess.Popen(command) as process:
            try:
                agent = FileAgent(process, file, url)
                wait(lambda: _answers(agent))
                yield agent
            finally:
                process.terminate()


def wait(condition: Callable[[], object]) -> None:
    """Wait for what nobody announces. AssertionError after WAIT seconds."""
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def _answers(agent: FileAgent) -> bool:
    assert agent.process.poll() is None, "the agent has ended"
    try:
        with Console([agent.url], on_problem=lambda words: None) as console:
            return bool(console.sites())
    except QmfAgentError:
        return False
