"""The words of QMF v2: opcodes, contents, error codes and subjects.

Rules of this file: constants and the functions that build subjects, nothing else.
Source: qpid-cpp src/qmf/constants.cpp and src/qpid/management/ManagementAgent.cpp.
"""

from __future__ import annotations

from enum import IntEnum

AGENT_LOCATE_REQUEST = "_agent_locate_request"
AGENT_LOCATE_RESPONSE = "_agent_locate_response"
AGENT_HEARTBEAT_INDICATION = "_agent_heartbeat_indication"
QUERY_REQUEST = "_query_request"
QUERY_RESPONSE = "_query_response"
METHOD_REQUEST = "_method_request"
METHOD_RESPONSE = "_method_response"
SUBSCRIBE_REQUEST = "_subscribe_request"
SUBSCRIBE_RESPONSE = "_subscribe_response"
SUBSCRIBE_REFRESH_INDICATION = "_subscribe_refresh_indication"
SUBSCRIBE_CANCEL_INDICATION = "_subscribe_cancel_indication"
DATA_INDICATION = "_data_indication"
EXCEPTION = "_exception"

CONTENT_DATA = "_data"
CONTENT_EVENT = "_event"
CONTENT_OBJECT_ID = "_object_id"
CONTENT_SCHEMA = "_schema"
CONTENT_SCHEMA_ID = "_schema_id"

LOCATE_SUBJECT = "console.request.agent_locate"
BROKER_SUBJECT = "broker"
HEARTBEATS = "agent.ind.heartbeat.#"
EVENTS = "agent.ind.event.#"

SEVERITIES = ("emerg", "alert", "crit", "error", "warn", "note", "info", "debug")
"""Severity words as qpidd writes them in subjects; the index is the severity, in the order of syslog."""


class ErrorCode(IntEnum):
    """The `error_code` of an exception, as qpidd numbers it (Manageable.h)."""

    UNKNOWN_OBJECT = 1
    UNKNOWN_METHOD = 2
    NOT_IMPLEMENTED = 3
    INVALID_PARAMETER = 4
    FEATURE_NOT_IMPLEMENTED = 5
    FORBIDDEN = 6
    EXCEPTION = 7


def _key(name: str) -> str:
    """Make one word of a routing key out of a name, as qpidd and Java do; consoles that bind per class rely on it."""
    return name.replace(".", "_")


def heartbeat_subject(vendor: str, product: str, instance: str) -> str:
    """Subject of an agent's heartbeats."""
    return f"agent.ind.heartbeat.{_key(vendor)}.{_key(product)}.{_key(instance)}"


def event_subject(package: str, name: str, severity: int, vendor: str, product: str, instance: str) -> str:
    """Subject of an event in the long form of qpidd and Java; `severity` is 0 to 7."""
    words = (package, name, SEVERITIES[severity], vendor, product, instance)
    return "agent.ind.event." + ".".join(map(_key, words))


def event_pattern(name: str) -> str:
    """The pattern of those subjects for the events of one name, whatever their package and whichever agent raises them."""
    return f"agent.ind.event.*.{_key(name)}.#"


def data_subject(package: str, name: str, vendor: str, product: str, instance: str) -> str:
    """Subject of the indication of changed objects of one class."""
    return "agent.ind.data." + ".".join(map(_key, (package, name, vendor, product, instance)))


def data_pattern(name: str) -> str:
    """The pattern of those subjects for the classes of one name, whatever their package and whichever agent has them."""
    return f"agent.ind.data.*.{_key(name)}.#"
