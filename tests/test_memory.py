"""Threads that share one arena; seen in a process of its own, since the setting is for good."""

from __future__ import annotations

import subprocess
import sys

import pytest

_ALLOCATE_IN_THREADS = """
import ctypes, sys, threading
from lxml import etree
from qmfagent.memory import use_one_arena

if sys.argv[1] == "one":
    use_one_arena()
kept, met = [], threading.Barrier(4)

def parse():
    met.wait()
    kept.append(etree.fromstring("<a>" + "<b/>" * 10000 + "</a>"))
    met.wait()

threads = [threading.Thread(target=parse) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="arenas are glibc's")
@pytest.mark.parametrize("arenas", ["one", "many"])
def test_threads_share_one_arena(arenas: str) -> None:
    command = [sys.executable, "-c", _ALLOCATE_IN_THREADS, arenas]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout
    assert (told.count("<heap nr=") == 1) is (arenas == "one")
