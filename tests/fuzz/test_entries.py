"""What `make fuzz` begins with, without atheris: every target takes its own inputs, and some that are none."""

from __future__ import annotations

import logging
import random

import pytest

from tests.fuzz.entries import ENTRIES


@pytest.mark.parametrize("name", ENTRIES)
def test_a_target_takes_its_inputs(name: str) -> None:
    inputs = ENTRIES[name].seeds()
    chance = random.Random(1)
    with ENTRIES[name].open() as take:
        for data in (b"", b"\x00", b"\xff" * 100, *inputs):
            take(data)
            for _ in range(3):
                at = chance.randrange(len(data) or 1)
                take(data[:at] + chance.randbytes(3) + data[at + 3 :])


def test_an_error_in_the_log_is_found() -> None:
    with ENTRIES["request"].open() as take:
        logging.getLogger("qmfagent.bus").error("something that has no place there")
        with pytest.raises(AssertionError, match="no place there"):
            take(b"\x00")
