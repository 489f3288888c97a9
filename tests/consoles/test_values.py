"""What a console gives to its caller, where it is more than fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from consoles.client import Plan


def test_a_plan_in_words_has_no_control_characters(plans: Mapping[str, Mapping[str, Any]]) -> None:
    problem = {"code": "clash", "severity": "error", "message": "\x1b[2Jprimitive 'vip'\nis here already"}
    plan = Plan("siteb", "db", "", {**plans["clash"], "problems": [problem]})
    first, second, *_ = plan.text.split("\n")
    assert first == r"error: \x1b[2Jprimitive 'vip'\nis here already"
    assert "at siteb" in second
