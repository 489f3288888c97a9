"""A terminal as a full-screen view has it: keys as they are pressed, its size as it changes, signals.

Rules of this file: whatever ends the view, the terminal is as it was before.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_KEYS = re.compile(r"\x1b(?:[\[O][A-Za-z])?|.", re.DOTALL)
_NAMES = {"\x1b[A": "up", "\x1bOA": "up", "\x1b[B": "down", "\x1bOB": "down", "k": "up", "j": "down", "Q": "q"}
_CC = 6
"""Where the control characters are among the attributes, as termios has them."""


@contextmanager
def full_screen(
    on_key: Callable[[str], None], on_resize: Callable[[], None], on_end: Callable[[], None]
) -> Iterator[None]:
    """Within the running loop: `on_key` is called with each key (`q`, `up`, `down`, or its character), where standard input is
    a terminal; `on_resize` when the terminal's size changes; `on_end` when the process is asked to end."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, on_resize)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_end)
    try:
        with _keys(loop, on_key):
            yield
    finally:
        for number in (signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


def keys_of(typed: str) -> list[str]:
    """The keys in what a terminal sent."""
    return [_NAMES.get(key, key) for key in _KEYS.findall(typed)]


@contextmanager
def _keys(loop: asyncio.AbstractEventLoop, on_key: Callable[[str], None]) -> Iterator[None]:
    if not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()

    def read() -> None:
        typed = os.read(descriptor, 1024)
        if not typed:
            loop.remove_reader(descriptor)
        for key in keys_of(typed.decode(errors="replace")):
            on_key(key)

    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        # Stopped in the middle of it, it would leave the shell with its screen.
        attributes = termios.tcgetattr(descriptor)
        attributes[_CC][termios.VSUSP] = b"\0"
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
        loop.add_reader(descriptor, read)
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
