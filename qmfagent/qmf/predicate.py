"""Predicates: the condition of a query or of an agent locate, in prefix lists.

Rules of this file: a predicate is read whole before anything is evaluated, so that a wrong one is a ProtocolError and
not a partial answer. A string operand names an attribute, [quote, x] is a literal, and so is any other scalar. A
comparison with an attribute that is not there is false, `ne` included. eq and ne compare string forms, ordering is
numeric where both sides are numbers or text of numbers. `not` holds where none of its operands does.
Source: qpid-cpp src/qmf/Expression.cpp; re_match, which is never true there, as the Java QMF2 library means it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from qmfagent.errors import ProtocolError
from qmfagent.qmf.budget import Budget
from qmfagent.qmf.fields import expect, shown
from qmfagent.qmf.pattern import BoundedPattern

Values = Mapping[str, Any]
Predicate = Callable[[Values], bool]
_Operand = Callable[[Values], Any]

MAX_TERMS = 1000
MAX_PREDICATE_DEPTH = 20
MAX_LITERAL = 4096
MAX_NUMBER = 64
"""Characters: of a literal, and of text that may be a number."""
TERM_STEPS = 100
"""What a term costs for each object, in steps of the budget."""

_ABSENT = object()

_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


def compile_predicate(expression: Any) -> Predicate:
    """Turn a predicate into a function of attribute values; an empty list holds for all values.

    Raises ProtocolError for what is no predicate, or too large. The function has a budget of work for all objects that it
    is asked about, and raises ProtocolError when that is used up.
    """
    expect(expression, list, "predicate")
    if not expression:
        return _always
    compiler = _Compiler()
    predicate = compiler.predicate(expression, MAX_PREDICATE_DEPTH)
    steps = compiler.terms * TERM_STEPS

    def holds(values: Values) -> bool:
        compiler.budget.spend(steps)
        return predicate(values)

    return holds


class _Compiler:
    """Compiles one predicate, counting its terms."""

    def __init__(self) -> None:
        self.terms = 0
        self.budget = Budget()

    def predicate(self, expression: Any, depth: int) -> Predicate:
        self.terms += 1
        if not depth or self.terms > MAX_TERMS:
            raise ProtocolError(
                "the predicate is too large", hint=f"at most {MAX_TERMS} terms, {MAX_PREDICATE_DEPTH} levels deep"
            )
        terms = expect(expression, list, "term of a predicate")
        if not terms:
            raise ProtocolError("predicate: a term is an empty list")
        name = expect(terms[0], str, "operator of a predicate")
        operands = terms[1:]
        if name in ("and", "or", "not"):
            return _combined(name, [self.predicate(item, depth - 1) for item in operands])
        if name in ("true", "false"):
            _count(name, operands, 0)
            return _always if name == "true" else _never
        if name == "exists":
            _count(name, operands, 1)
            attribute = expect(operands[0], str, "predicate: operand of exists")
            return lambda values: attribute in values
        if name in ("eq", "ne", "re_match") or name in _ORDERINGS:
            _count(name, operands, 2)
            return _comparison(name, operands, self.budget)
        raise ProtocolError(f"predicate: unknown operator {shown(name)}")


def _always(values: Values) -> bool:
    return True


def _never(values: Values) -> bool:
    return False


def _count(name: str, operands: list[Any], wanted: int) -> None:
    if len(operands) != wanted:
        raise ProtocolError(f"predicate: {name} takes {wanted} operands, not {len(operands)}")


def _combined(name: str, parts: list[Predicate]) -> Predicate:
    if name == "and":
        return lambda values: all(part(values) for part in parts)
    if name == "or":
        return lambda values: any(part(values) for part in parts)
    return lambda values: not any(part(values) for part in parts)


def _operand(value: Any) -> _Operand:
    if isinstance(value, str):
        return lambda values: values.get(value, _ABSENT)
    if isinstance(value, list):
        if len(value) != 2 or value[0] != "quote":
            raise ProtocolError("predicate: an operand that is a list must be [quote, value]")
        value = value[1]
    literal = _text(value) if isinstance(value, (list, dict)) else value
    if isinstance(literal, (str, bytes)) and len(literal) > MAX_LITERAL:
        raise ProtocolError(f"predicate: a literal of {len(literal)} characters", hint=f"at most {MAX_LITERAL}")
    return lambda values: literal


def _comparison(name: str, operands: list[Any], budget: Budget) -> Predicate:
    left, right = _operand(operands[0]), _operand(operands[1])
    if name == "re_match":
        return _re_match(left, operands[1], budget)
    compare = _ORDERINGS.get(name)
    wanted = name == "eq"

    def holds(values: Values) -> bool:
        a, b = left(values), right(values)
        if a is _ABSENT or b is _ABSENT:
            return False
        return _equal(a, b) == wanted if compare is None else _ordered(compare, a, b)

    return holds


def _re_match(subject: _Operand, pattern: Any, budget: Budget) -> Predicate:
    # The pattern is a literal, quoted or not: an attribute could bring a new pattern with every object.
    text = pattern[1] if isinstance(pattern, list) else pattern
    compiled = BoundedPattern(expect(text, str, "predicate: pattern of re_match"), budget)

    def holds(values: Values) -> bool:
        value = subject(values)
        return value is not _ABSENT and compiled.search(_text(value))

    return holds


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _equal(a: Any, b: Any) -> bool:
    # Python's True equals 1, but in QMF a boolean has the string forms True and False.
    same = bool(a == b) and isinstance(a, bool) == isinstance(b, bool)
    return same or _text(a) == _text(b)


def _number(value: Any) -> int | float | None:
    if isinstance(value, (int, float)):
        return value
    if not isinstance(value, str) or len(value) > MAX_NUMBER:
        return None
    for convert in (int, float):
        try:
            return convert(value)
        except ValueError:
            continue
    return None


def _ordered(compare: Callable[[Any, Any], bool], a: Any, b: Any) -> bool:
    x, y = _number(a), _number(b)
    if x is not None and y is not None:
        return bool(compare(x, y))
    return bool(compare(_text(a), _text(b)))
