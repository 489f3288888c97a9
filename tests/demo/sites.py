"""The two sites of the demo: copies of its CIB files, and an agent process on each."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from lxml import etree
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from qmfagent.cib import document
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import ConfigurationChanged
from qmfagent.pacemaker.file import FileCib
from tests.certificates import write_signing_keys
from tests.ports import free_port

HERE = Path(__file__).parent
SITES = ("paris", "lyon")

_CONFIG = """\
[cib]
file = "{site}.xml"

[listen]
url = "{url}"

[[peer]]
site = "{other}"
url = "{other_url}"
verify_key = "{other}.sign.pub"

[replication]
mode = "manual"
site_file = "{site}-site.toml"
signing_key = "{site}.sign.key"
agents = ["ocf:heartbeat:*", "ocf:pacemaker:*"]

[[ticket]]
name = "web-ticket"
mode = "automatic"

[[access]]
identity = "anonymous"
role = "administrator"
"""


class DemoSites:
    """Agents for paris and lyon in `folder`, on free ports of loopback. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.urls = {site: f"amqp://127.0.0.1:{free_port()}" for site in SITES}
        self._agents: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> DemoSites:
        for site in SITES:
            write_signing_keys(self.folder, site)
        for site, other in (SITES, SITES[::-1]):
            for name in (f"{site}.xml", f"{site}-site.toml"):
                shutil.copy(HERE / name, self.folder)
            config = self.folder / f"{site}.toml"
            config.write_text(_CONFIG.format(site=site, url=self.urls[site], other=other, other_url=self.urls[other]))
            with (self.folder / f"{site}.log").open("wb") as log:
                command = [sys.executable, "-m", "qmfagent", "run", "--config", str(config)]
                self._agents.append(subprocess.Popen(command, stderr=log))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for agent in self._agents:
            agent.terminate()
        for agent in self._agents:
            try:
                agent.wait(5)
            except subprocess.TimeoutExpired:
                agent.kill()
                agent.wait()

    def cib(self, site: str) -> Snapshot:
        """The CIB of a site as it stands."""
        return Snapshot.parse((self.folder / f"{site}.xml").read_bytes())

    def edit(self, site: str, change: Callable[[etree._Element], None]) -> None:
        """Change a site's configuration as an administrator's tool does, beside the agent; once more where that was faster,
        which records what it publishes."""
        for attempt in Retrying(
            retry=retry_if_exception_type(ConfigurationChanged), stop=stop_after_attempt(5), reraise=True
        ):
            with attempt:
                self._edit(site, change)

    def _edit(self, site: str, change: Callable[[etree._Element], None]) -> None:
        before = self.cib(site)
        after = before.to_element()
        configuration = after.find("configuration")
        assert configuration is not None
        change(configuration)
        diff = etree.Element("diff", {"format": "2"})
        for section in ("resources", "constraints", "tags"):
            path = f"/cib/configuration/{section}"
            old, new = before.configuration.find(section), configuration.find(section)
            if old is None or new is None or document.canonical(old) == document.canonical(new):
                continue
            etree.SubElement(diff, "change", {"operation": "delete", "path": path})
            created = etree.SubElement(
                diff, "change", {"operation": "create", "path": "/cib/configuration", "position": "9"}
            )
            created.append(new)
        asyncio.run(self._write(site, etree.tostring(diff), before.config_digest))

    async def _write(self, site: str, patchset: bytes, digest: str) -> None:
        store = FileCib(self.folder / f"{site}.xml", client="administrator")
        await store.start()
        try:
            await store.apply(patchset, digest)
        finally:
            await store.stop()
