"""The arguments of a method as somebody writes them, read as the agent's schema describes them.

Rules of this file: pure. A text is taken as it stands for a string; true and false, numbers and UUIDs are read, lists and maps
are JSON. What does not fit is an error that names the argument.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from qmfagent.errors import SchemaError
from qmfagent.qmf.classes import Argument, Method

_READERS: Mapping[str, Callable[[str], Any]] = {"TYPE_MAP": json.loads, "TYPE_LIST": json.loads, "TYPE_UUID": UUID}


def inputs(method: Method) -> dict[str, Argument]:
    """The arguments that a caller gives, by name."""
    return {argument.name: argument for argument in method.arguments if "I" in argument.dir}


def read_argument(argument: Argument, text: str) -> Any:
    """The value of an argument from its text. Raises SchemaError where it is not of the argument's type."""
    try:
        value = _READERS.get(argument.type.name, argument.type.parse)(text)
    except (ValueError, RecursionError, SchemaError):
        value = None
    if not argument.type.accepts(value):
        raise SchemaError(f"argument {argument.name!r}: {text!r} is not {argument.type}")
    return value
