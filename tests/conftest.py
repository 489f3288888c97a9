"""Fixtures that more than one room of the tests uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import requirements
from tests.lab.lab import Lab
from tests.rabbitmq.server import SCRIPT, RabbitMq
from tests.sites.buses import EMBEDDED, AtRabbitMq, Embedded, SiteBus, add_users


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Two real Pacemaker sites, "sitea" and "siteb", started once for the whole run. Mark such tests `lab`.

    A test that changes a site calls `lab.reset(site)` first and leaves the cable in and the cluster running.
    """
    requirements.require(requirements.CLUSTER, root=True)
    with Lab(["sitea", "siteb"]) as running:
        yield running


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMq]:
    """A real RabbitMQ, started once for the whole run; it has the users of AtRabbitMq. A test that kills it starts it again."""
    requirements.require([str(SCRIPT)], root=False, packages="rabbitmq-server")
    broker = RabbitMq(tmp_path_factory.mktemp("rabbitmq"))
    add_users(broker)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def site_bus(request: pytest.FixtureRequest) -> SiteBus:
    """Where the sites of a test meet: at their own listeners. Parametrize it indirectly with SITE_BUSES for RabbitMQ too."""
    if getattr(request, "param", EMBEDDED) == EMBEDDED:
        return Embedded()
    broker: RabbitMq = request.getfixturevalue("rabbitmq")
    broker.forget()
    return AtRabbitMq(broker)


@pytest.fixture(scope="session")
def pacemaker_tools() -> None:
    """Pacemaker's command-line tools, for use on CIB files. Mark such tests `pacemaker`."""
    requirements.require(requirements.TOOLS, root=False)
