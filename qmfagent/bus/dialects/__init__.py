"""Dialects: how the brokers that speak AMQP 1.0 name what QMF calls an exchange and a routing key. Pure.

dialect     the values, and what every dialect answers
exchanges   our own listener and qpidd: a node for each exchange, a subject filter on what is received
rabbitmq    RabbitMQ 3 and 4: a queue for each receiver, with bindings
multicast   Artemis and routers: a multicast address for each kind of subject
recognise   which of them a peer speaks, by its AMQP open
"""

from qmfagent.bus.dialects.dialect import Dialect, Inbox, Queue, Role, Route, Source, UserIds
from qmfagent.bus.dialects.recognise import DIALECTS, named, recognise

__all__ = [
    "DIALECTS",
    "Dialect",
    "Inbox",
    "Queue",
    "Role",
    "Route",
    "Source",
    "UserIds",
    "named",
    "recognise",
]
