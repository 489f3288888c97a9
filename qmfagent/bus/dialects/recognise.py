"""Which dialect a peer speaks.

Rules of this file: a peer is known by the properties of its AMQP open, `product` and `version`; our own listener and
whatever is not known are taken for nodes with subject filters, which is QMF's own form.
"""

from __future__ import annotations

from collections.abc import Mapping

from qmfagent.bus.dialects.dialect import Dialect, UserIds
from qmfagent.bus.dialects.exchanges import Exchanges
from qmfagent.bus.dialects.multicast import Multicast
from qmfagent.bus.dialects.rabbitmq import RabbitMq3, RabbitMq4
from qmfagent.errors import ConfigError

EMBEDDED = Exchanges("embedded", UserIds.UNVERIFIED)
QPIDD = Exchanges("qpidd", UserIds.IF_CONFIGURED)
RABBITMQ_3, RABBITMQ_4 = RabbitMq3(), RabbitMq4()
ARTEMIS = Multicast("artemis", keeps=True)
ROUTER = Multicast("router", keeps=False)

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect for dialect in (EMBEDDED, QPIDD, RABBITMQ_3, RABBITMQ_4, ARTEMIS, ROUTER)
}

_PRODUCTS: Mapping[str, Dialect] = {
    "qpid-cpp": QPIDD,
    "apache-activemq-artemis": ARTEMIS,
    "qpid-dispatch-router": ROUTER,
    "skupper-router": ROUTER,
}


def named(name: str) -> Dialect:
    """The dialect of that name. Raises ConfigError where there is none."""
    if name not in DIALECTS:
        raise ConfigError(f"there is no dialect {name!r}", hint=f"it is one of {', '.join(DIALECTS)}, or left out")
    return DIALECTS[name]


def recognise(properties: Mapping[str, str]) -> Dialect:
    """The dialect of the peer whose AMQP open has these properties."""
    product, version = properties.get("product", ""), properties.get("version", "")
    if product == "RabbitMQ":
        # The plugin of the 3.x series is gone from 4.0 on, and its addresses with it.
        return RABBITMQ_3 if version.startswith("3.") else RABBITMQ_4
    return _PRODUCTS.get(product, EMBEDDED)
