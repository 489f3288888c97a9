"""A broker for each site, whose exchanges are federated: docs/howto/rabbitmq.md."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qmfagent.bus.console.session import ConsoleSession
from qmfagent.cib.closure.closure import closure
from qmfagent.peers.link import agent_name
from tests.rabbitmq.server import RabbitMq
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.buses import CONSOLE, AtRabbitMq, add_users, credentials
from tests.sites.pair import WAIT, SitePair, until

LINK = "federation"
LINK_PERMISSIONS = (r"^federation: ", r"^federation: ", r"^(federation: |qmf\.default\.(topic|direct)$)")


def federate(broker: RabbitMq, upstream: RabbitMq) -> None:
    """What rabbitmqctl does with the commands of the howto."""
    login = credentials(LINK)
    uri = f"amqp://{login.user}:{login.password.replace(' ', '%20')}@127.0.0.1:{upstream.port}"
    exchange = {"vhost": "/", "durable": True, "auto_delete": False, "internal": False, "arguments": {}}
    broker.definitions = {
        "exchanges": [{"name": f"qmf.default.{kind}", "type": kind, **exchange} for kind in ("topic", "direct")],
        "parameters": [
            {
                "vhost": "/",
                "component": "federation-upstream",
                "name": "other-site",
                "value": {"uri": uri, "trust-user-id": True, "reconnect-delay": 1, "message-ttl": 60_000},
            }
        ],
        "policies": [
            {
                "vhost": "/",
                "name": "qmf",
                "pattern": r"^qmf\.default\.(topic|direct)$",
                "apply-to": "exchanges",
                "definition": {"federation-upstream-set": "all"},
                "priority": 0,
            }
        ],
    }


class TwoBrokers(AtRabbitMq):
    """Each site at its own broker."""

    def __init__(self, brokers: dict[str, RabbitMq]) -> None:
        super().__init__(brokers["sitea"])
        self.brokers = brokers

    def config(self, site: str) -> dict[str, Any]:
        broker = super().config(site)["broker"]
        return {"broker": replace(broker, url=self.brokers[site].url)}

    def console(self, site: str, **options: Any) -> ConsoleSession:
        return ConsoleSession(self.brokers[site].url, credentials=credentials(CONSOLE), **options)


@pytest.fixture
def brokers(tmp_path: Path, rabbitmq: RabbitMq) -> Iterator[dict[str, RabbitMq]]:
    """`rabbitmq` is asked for because it sees to the package."""
    found = {}
    for site in ("sitea", "siteb"):
        directory = tmp_path / f"broker-{site}"
        directory.mkdir()
        found[site] = RabbitMq(directory, plugins=("rabbitmq_federation",))
        add_users(found[site])
        found[site].add_user(LINK, credentials(LINK).password, LINK_PERMISSIONS)
    federate(found["sitea"], found["siteb"])
    federate(found["siteb"], found["sitea"])
    with ThreadPoolExecutor() as pool:
        list(pool.map(RabbitMq.start, found.values()))
    yield found
    for broker in found.values():
        broker.stop()


async def test_two_federated_brokers_are_one_bus(tmp_path: Path, brokers: dict[str, RabbitMq]) -> None:
    sites = SitePair(tmp_path, SOURCE, TARGET, bus=TwoBrokers(brokers))
    for site, other in ((sites.a, "siteb"), (sites.b, "sitea")):
        url = brokers[site.name].url
        site.config = replace(site.config, peers=tuple(replace(peer, url=url) for peer in site.config.peers))
        assert [peer.site for peer in site.config.peers] == [other]
    async with sites:
        await sites.b.event("applied", publisher="sitea")
        assert closure(sites.b.snapshot, "T").digest == closure(sites.a.snapshot, "T").digest
        assert sites.a.session is not None
        await sites.a.session.wait_agent(lambda agent: agent.name == agent_name("siteb"), WAIT)
        answer = await sites.a.session.call(
            agent_name("siteb"), "Site:siteb", "plan", {"ticket": "T", "adopt": False}, timeout=WAIT
        )
        assert answer["token"] == "", "siteb knows the console of sitea's broker, and has nothing to do"

        brokers["siteb"].kill()
        before = len(sites.a.seen("published"))
        await sites.a.set_value("vip-ip", "10.1.0.99")
        await until(lambda: len(sites.a.seen("published")) > before, "the new publication")
        await asyncio.to_thread(brokers["siteb"].start)
        await until(lambda: sites.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.99", "the change at siteb", WAIT)
