"""Reading what an agent tells over HTTP, as Prometheus and probes do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.sites.pair import WAIT, Site


@dataclass(frozen=True)
class Scrape:
    """One scrape: its metric families, by their names in samples, and its text."""

    families: Mapping[str, Metric]
    text: str

    @property
    def names(self) -> set[str]:
        """The names of all samples."""
        return {sample.name for family in self.families.values() for sample in family.samples}

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the one sample of that name whose labels include these; None where there is none."""
        found = [
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert len(found) <= 1, (name, labels, found)
        return found[0] if found else None


def url(site: Site, path: str) -> str:
    """Where a running site tells over plain HTTP."""
    assert site.agent is not None
    return f"http://127.0.0.1:{site.agent.http_port}{path}"


async def get(site: Site, path: str) -> httpx.Response:
    """What a site answers."""
    async with httpx.AsyncClient(trust_env=False, timeout=WAIT) as client:
        return await client.get(url(site, path))


def parsed(text: str) -> Scrape:
    """A scrape out of its text."""
    return Scrape({family.name: family for family in text_string_to_metric_families(text)}, text)


async def scrape(site: Site) -> Scrape:
    """What a site tells Prometheus."""
    answer = await get(site, "/metrics")
    assert answer.status_code == 200, answer.text
    return parsed(answer.text)
