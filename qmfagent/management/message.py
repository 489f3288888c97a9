"""Requests and responses of AMQP Management, independent of how the bus carries them.

Rules of this file: values only. What stands in a request is what its sender wrote, of whatever type; who uses it checks it.
Source: AMQP Management Version 1.0 (working draft), section 2 (requests, responses, status codes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from http import HTTPStatus
from typing import Any
from uuid import UUID

NODE = "$management"
"""The address of the management node."""
NODE_TYPE = "org.amqp.management"
"""The type of the management node itself."""
SELF = "self"
"""The name and identity of the management node itself."""

CorrelationId = str | int | bytes | UUID | None


class Status(IntEnum):
    """The status codes that are used here, which are HTTP's."""

    OK = 200
    CREATED = 201
    NO_CONTENT = 204
    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    CONFLICT = 409
    INTERNAL_ERROR = 500
    NOT_IMPLEMENTED = 501

    @property
    def phrase(self) -> str:
        """The status in words, as HTTP has them."""
        return HTTPStatus(self).phrase


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    `properties` are its application properties, `body` the value of its body, None where it has none. `user` is who sent
    it, as the bus vouches for it, and `authenticated` whether that was proved. `reply_to` is never empty; `correlation_id`
    is what the response has to carry.
    """

    properties: Mapping[str, Any]
    body: Any
    reply_to: str
    correlation_id: CorrelationId
    user: str
    authenticated: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """One response: its status, the status in words for people, and its body."""

    to: str
    correlation_id: CorrelationId
    status: Status
    description: str
    body: dict[str, Any] | list[Any] = field(default_factory=dict)
