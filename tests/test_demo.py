"""`make demo` does what it says."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent
WAIT = 300.0


def test_the_demo_runs_to_its_end() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT,
    )
    assert done.returncode == 0, done.stderr
    assert "9. The web service moves" in done.stdout
    assert "holder: paris holds ticket 'db-ticket' itself" in done.stdout
    assert "run 'make demo' on a terminal" in done.stdout
    assert "Try next:" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_it_offers_the_web_console_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "tests.demo"]
    with subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs) as demo:
        os.close(theirs)
        _read_until(ours, rb"Look at Paris and Lyon now\? \[Y/n\]:")
        os.write(ours, b"\n")
        said = _read_until(ours, rb"/open/[\w-]{43}\s")
        (link,) = re.findall(rb"http://127.0.0.1:\d+/open/[\w-]+", said)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        shown = _page(opener, link.decode())
        deadline = time.monotonic() + WAIT
        # It serves before its console has found the sites.
        while "web-ticket" not in shown and time.monotonic() < deadline:
            time.sleep(0.1)
            shown = _page(opener, link.decode().partition("open/")[0])
        assert "web-ticket" in shown
        os.write(ours, b"\n")
        _read_until(ours, b"Try next:")
        assert demo.wait(WAIT) == 0
    os.close(ours)


def _page(opener: urllib.request.OpenerDirector, url: str) -> str:
    with opener.open(url, timeout=WAIT) as page:
        return str(page.read().decode())


def _read_until(terminal: int, pattern: bytes) -> bytes:
    """What is said on a terminal until this is in it."""
    said = b""
    while not re.search(pattern, said):
        ready, _, _ = select.select([terminal], [], [], WAIT)
        assert ready, said.decode()
        said += os.read(terminal, 4096)
    return said
