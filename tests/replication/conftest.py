"""A pair of sites with a small configuration: a web server and its address on ticket T, local resources on both sides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sites.buses import SiteBus
from tests.sites.pair import SitePair

SOURCE = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="0"><configuration>
<crm_config/><nodes/>
<resources>
  <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
    <instance_attributes id="vip-ia"><nvpair id="vip-ip" name="ip" value="10.1.0.10"/></instance_attributes></primitive>
  <primitive id="web" class="ocf" provider="heartbeat" type="apache"/>
  <primitive id="local-a" class="ocf" provider="pacemaker" type="Dummy"/>
</resources>
<constraints>
  <rsc_ticket id="ticket-vip" rsc="vip" ticket="T" loss-policy="stop"/>
  <rsc_ticket id="ticket-web" rsc="web" ticket="T" loss-policy="stop"/>
  <rsc_colocation id="web-with-vip" rsc="web" with-rsc="vip" score="INFINITY"/>
</constraints>
</configuration><status><tickets>
  <ticket_state id="T" granted="true" last-granted="1700000000"/></tickets></status></cib>
"""

TARGET = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="9" num_updates="0"><configuration>
<crm_config/><nodes/>
<resources><primitive id="local-b" class="ocf" provider="pacemaker" type="Dummy"/></resources>
<constraints/>
</configuration><status/></cib>
"""


@pytest.fixture
async def pair(tmp_path: Path, site_bus: SiteBus) -> AsyncIterator[SitePair]:
    """Both agents running, in automatic mode."""
    sites = SitePair(tmp_path, SOURCE, TARGET, bus=site_bus)
    await sites.start()
    yield sites
    await sites.stop()


@pytest.fixture
async def manual_pair(tmp_path: Path, site_bus: SiteBus) -> AsyncIterator[SitePair]:
    """Both agents running, in manual mode."""
    sites = SitePair(tmp_path, SOURCE, TARGET, mode="manual", bus=site_bus)
    await sites.start()
    yield sites
    await sites.stop()
