"""The safety rules hold, and each of them is what holds: without it, its scenario fails."""

from __future__ import annotations

import pytest

from tests.safety.rules import RULES, Rule

_named = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name.replace(" ", "-"))


@_named
async def test_a_rule_holds(rule: Rule) -> None:
    await rule.scenario()


@_named
async def test_a_rule_matters(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    rule.remove(monkeypatch)
    with pytest.raises(AssertionError):
        await rule.scenario()
