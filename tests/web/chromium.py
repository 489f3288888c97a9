"""The browser that pages are tested in, and what is a complaint of it."""

from __future__ import annotations

from typing import Any

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def is_complaint(said: Any) -> bool:
    """Whether a message of the browser's console (Playwright's ConsoleMessage) says that a page is at fault."""
    # An answer with a status of 400 or above, and a lost stream, are said there too, and are what some tests are for.
    return (
        said.type in ("error", "warning")
        and "Failed to load resource" not in said.text
        and said.text != "[object Event]"
    )
