"""`qmfconsole web` in the network of a site of the lab, and Chromium in the same network.

    with WebConsole(lab, "siteb", tls, folder) as web, web.browser() as page: ...

Rules of this file: both are the real programs, started as users start them. The console proves itself with a certificate, and
is opened by the link that it prints.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from playwright.sync_api import Page, expect, sync_playwright

from qmfagent.bus.security.tls import TlsConfig
from tests.lab.agents import PORT
from tests.lab.lab import Lab
from tests.lab.namespace import SiteProcess
from tests.web.chromium import CHROMIUM, FLAGS, is_complaint

_TIMEOUT = 60_000
_SAYS = ("web console at ", "open it once with: ")


class WebConsole:
    """The web console of all sites of the lab. Use as a context manager; entering takes about a second."""

    def __init__(self, lab: Lab, site: str, tls: TlsConfig, folder: Path) -> None:
        """It runs at `site`, proves itself with `tls`, and has its log, and a script, in `folder`."""
        self._lab = lab
        self._site = site
        self._tls = tls
        self._folder = folder
        self._process: SiteProcess | None = None

    def __enter__(self) -> Self:
        """Serve, and wait until it says where."""
        urls = [part for name in self._lab.names for part in ("--url", f"amqps://{name}:{PORT}")]
        tls = ["--certificate", str(self._tls.certificate), "--key", str(self._tls.key), "--ca", str(self._tls.ca)]
        command = [sys.executable, "-m", "consoles.main", *urls, *tls, "web", "--listen", "http://127.0.0.1:0"]
        with self._log.open("wb") as log:
            self._process = self._lab.popen(
                self._site, command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        lines = [self._process.stdout.readline() for _ in _SAYS]
        assert all(map(str.startswith, lines, _SAYS)), f"{lines}\n{self._log.read_text()}"
        self._link = lines[1].removeprefix(_SAYS[1]).strip()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            self._process.terminate()
            status = self._process.wait(60)
            assert self._process.stdout is not None
            self._process.stdout.close()
            assert status == 0, self._log.read_text()

    @contextmanager
    def browser(self) -> Iterator[Page]:
        """A page that is signed in, at the overview. AssertionError at the end where a page complained of anything."""
        program = self._folder / "chromium"
        program.write_text(f'#!/bin/sh\nexec nsenter -t {self._lab.pid(self._site)} -n -- {CHROMIUM} "$@"\n')
        program.chmod(0o755)
        complaints: list[str] = []
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
            try:
                context = chromium.new_context(reduced_motion="reduce")
                context.set_default_timeout(_TIMEOUT)
                expect.set_options(timeout=_TIMEOUT)
                context.on("weberror", lambda error: complaints.append(str(error.error)))
                context.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
                page = context.new_page()
                page.goto(self._link)
                yield page
            finally:
                chromium.close()
        assert not complaints

    @property
    def _log(self) -> Path:
        return self._folder / "web.log"
