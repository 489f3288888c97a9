"""QUERY: attributes of many entities as a table, page by page.

Rules of this file: `entityType` restricts the types, `attributeNames` in the body the columns (none or empty: all there are);
what an entity does not have is null. Pages are cut from one order, that of the types in the schema and of the source within a
type, so that pages of an unchanged configuration neither overlap nor leave out anything.
Source: AMQP Management Version 1.0 (working draft), section 4.1.1 (QUERY).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from qmfagent.errors import SchemaError
from qmfagent.management.arguments import body_map
from qmfagent.management.entities import Entities, EntityType
from qmfagent.management.message import Request
from qmfagent.qmf.fields import expect, kind_of, optional, shown

_MAX_NUMBER = (1 << 63) - 1


def answer_query(request: Request, entities: Entities, types: Sequence[EntityType]) -> dict[str, Any]:
    """The body of the answer: `attributeNames`, and `results` with a row for each entity of `types`.

    Raises SchemaError and ProtocolError for a query that is wrong, and whatever QmfAgentError the source of objects raises.
    """
    offset = _number(request, "offset") or 0
    count = _number(request, "count")
    names = _columns(request) or sorted({name for item in types for name in item.attributes})
    end = None if count is None else min(offset + count, _MAX_NUMBER)
    rows = [[entity.get(name) for name in names] for entity in islice(entities.of_types(types), offset, end)]
    return {"attributeNames": names, "results": rows}


def _columns(request: Request) -> list[str]:
    given = optional(body_map(request), "attributeNames", list, "body", [])
    return [expect(name, str, "body: element of attributeNames") for name in given]


def _number(request: Request, name: str) -> int | None:
    """A number of the application properties, None where it is absent; tools may send it as text."""
    value = request.properties.get(name)
    if value is None:
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) < len(str(_MAX_NUMBER)):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_NUMBER:
        return value
    given = value if isinstance(value, int) else shown(value) if isinstance(value, str) else kind_of(value)
    raise SchemaError(f"{name}: a number from 0 is expected, got {given}")
