"""Fixtures that more than one room of the tests uses."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.installation import Installation
from tests.lab import requirements
from tests.lab.lab import Lab
from tests.rabbitmq.server import SCRIPT, RabbitMq
from tests.sites.buses import EMBEDDED, AtRabbitMq, Embedded, SiteBus, add_users

# How long an example takes says nothing where the tests share the machine: the process may not run at all for a while.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests on clusters: they take longest, and where several processes share the tests none ends with them."""
    items.sort(key=lambda item: item.get_closest_marker("lab") is None)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Two real Pacemaker sites, "sitea" and "siteb", started once for the whole run. Mark such tests `lab`.

    A test that changes a site calls `lab.reset(site)` first and leaves the cable in and the cluster running.
    """
    requirements.require(requirements.CLUSTER, root=True)
    with Lab(["sitea", "siteb"]) as running:
        yield running


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    """What `make install` puts on a machine, made once for the whole run. Nobody may change it."""
    # Not pytest's own directory, where only this user may look.
    with tempfile.TemporaryDirectory(prefix="qmfagent-install-") as folder:
        Path(folder).chmod(0o755)
        yield Installation(Path(folder))


@pytest.fixture(scope="session")
def two_node_lab(installation: Installation) -> Iterator[Lab]:
    """Real Pacemaker sites "sitea", of two nodes, and "siteb", of one, where qmfagent is installed. Mark such tests `lab`.

    A test that stops a node or takes its power brings it back.
    """
    requirements.require(requirements.CLUSTER, root=True)
    with Lab(["sitea", "siteb"], nodes={"sitea": 2}, binds=installation.binds()) as running:
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


@pytest.fixture
def no_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests may have profiles of his own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    for name in ("URL", "CONFIG", "PROFILE", "USER"):
        monkeypatch.delenv(f"QMFCONSOLE_{name}", raising=False)
