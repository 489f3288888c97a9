"""CIBs and notifications for the tests of the Pacemaker room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
import pytest_asyncio

from qmfagent.pacemaker.libcib import Libcib
from qmfagent.pacemaker.pushed import PushedCib
from tests.pacemaker.made_up import MadeUpLibcib

_CIB = """\
<cib admin_epoch="0" epoch="{epoch}" num_updates="{updates}" validate-with="pacemaker-3.9">
  <configuration>
    <crm_config/>
    <nodes/>
    <resources>
      <primitive id="db" class="ocf" provider="pacemaker" type="Dummy"/>
    </resources>
    <constraints/>
  </configuration>
  <status>{status}</status>
</cib>
"""

# As pacemaker-based 2.1.5 sends it, shortened; the writer in the patchset is that of the change before.
_NOTIFICATION = """\
<notify t="cib_notify" subt="cib_diff_notify" cib_op="cib_modify" cib_rc="{code}" cib_object_type="status">\
<cib_generation><generation_tuple admin_epoch="0" epoch="{epoch}" num_updates="{updates}" \
validate-with="pacemaker-3.9" update-origin="n1" update-client="cibadmin" update-user="root"/></cib_generation>\
<cib_update><anything/></cib_update><cib_update_result><diff format="2"><version>\
<source admin_epoch="0" epoch="{old_epoch}" num_updates="{old_updates}"/>\
<target admin_epoch="0" epoch="{epoch}" num_updates="{updates}"/></version>\
<change operation="modify" path="/cib"><change-list>{list}</change-list><change-result><cib admin_epoch="0" epoch="{epoch}" \
num_updates="{updates}" validate-with="pacemaker-3.9" update-client="crmd"/></change-result></change>{changes}\
</diff></cib_update_result></notify>"""


@pytest.fixture
def cib() -> Callable[..., bytes]:
    """A CIB document: cib(epoch, num_updates, status)."""

    def make(epoch: int = 1, updates: int = 0, status: str = "") -> bytes:
        return _CIB.format(epoch=epoch, updates=updates, status=status).encode()

    return make


@pytest.fixture
def notification() -> Callable[..., bytes]:
    """A message of cib_diff_notify: notification((epoch, num_updates), (epoch, num_updates), changes, code)."""

    def make(source: tuple[int, int], target: tuple[int, int], changes: str = "", code: int = 0) -> bytes:
        names = ("epoch", "num_updates") if source[0] != target[0] else ("num_updates",)
        return _NOTIFICATION.format(
            old_epoch=source[0],
            old_updates=source[1],
            epoch=target[0],
            updates=target[1],
            changes=changes,
            code=code,
            list="".join(f'<change-attr name="{name}" operation="set" value="{target[-1]}"/>' for name in names),
        ).encode()

    return make


@pytest.fixture
def library(cib: Callable[..., bytes]) -> MadeUpLibcib:
    """A libcib that is made up, whose daemon has the CIB 0.1.0."""
    return MadeUpLibcib(cib(1, 0))


@pytest_asyncio.fixture
async def store(library: MadeUpLibcib) -> AsyncIterator[PushedCib]:
    """A store over it, started."""
    made = PushedCib(cast(Libcib, library), "test")
    await made.start()
    yield made
    await made.stop()
