"""Attribute sets with ticket rules, as text."""

from __future__ import annotations

from random import Random

from lxml import etree


def expression(identifier: str, operation: str, value: str, ticket: str = "U") -> str:
    """An expression on a ticket's state."""
    return f'<expression id="{identifier}" attribute="#ticket-{ticket}" operation="{operation}" value="{value}"/>'


def rule(identifier: str, inner: str, operation: str = "and") -> str:
    """A rule."""
    return f'<rule id="{identifier}" boolean-op="{operation}">{inner}</rule>'


def attributes(identifier: str, inner: str, name: str = "n", value: str = "") -> str:
    """A set of one nvpair, which has the set's id as its value where no other is given."""
    pair = f'<nvpair id="{identifier}-n" name="{name}" value="{value or identifier}"/>'
    return f'<instance_attributes id="{identifier}">{inner}{pair}</instance_attributes>'


# Expressions that are false and true where ticket T is not granted.
NEVER = expression("never", "ne", "revoked", "T")
ALWAYS = expression("always", "eq", "revoked", "T")


def random_rule(rng: Random, prefix: str, depth: int = 0) -> str:
    """A rule over tickets T and U and a node attribute that is defined."""
    parts = [
        random_rule(rng, f"{prefix}{n}", depth + 1)
        if depth < 2 and rng.random() < 0.3
        else expression(
            f"{prefix}{n}e", rng.choice(["eq", "ne"]), rng.choice(["granted", "standby", "revoked"]), rng.choice("TU")
        )
        if rng.random() < 0.7
        else f'<expression id="{prefix}{n}x" attribute="#uname" operation="eq" value="{rng.choice(["n", "m"])}"/>'
        for n in range(rng.randrange(1, 4))
    ]
    return rule(prefix, "".join(parts), rng.choice(["and", "or"]))


def with_ticket_rules(source: etree._Element, rng: Random) -> etree._Element:
    """The CIB with ticket rules in some of its sets; those that there are, and may be borrowed, ask for tickets too."""
    for n, found in enumerate(source.iterfind("configuration/resources//instance_attributes[@id]")):
        if found.find("rule") is None and rng.random() < 0.3:
            inner = expression(f"te{n}", rng.choice(["eq", "ne"]), rng.choice(["granted", "revoked"]), rng.choice("TU"))
            found.insert(0, etree.fromstring(rule(f"tr{n}", inner)))
    for asking in source.iterfind("configuration/resources//rule/expression"):
        if rng.random() < 0.5:
            asking.set("attribute", f"#ticket-{rng.choice('TU')}")
            asking.set("value", rng.choice(["granted", "revoked"]))
    return source
