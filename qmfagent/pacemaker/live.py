"""The live CIB of the cluster this node belongs to: pushed where libcib is known, polled where it is not."""

from __future__ import annotations

import logging
from typing import Literal

from qmfagent.errors import ClusterError
from qmfagent.pacemaker.booth_config import NO_BOOTH, BoothConfigs
from qmfagent.pacemaker.libcib import Libcib
from qmfagent.pacemaker.polled import PolledCib
from qmfagent.pacemaker.pushed import PushedCib

_LOG = logging.getLogger(__name__)


def open_live(
    client: str = "qmfagent",
    source: Literal["auto", "libcib", "tools"] = "auto",
    booth: BoothConfigs = NO_BOOTH,
) -> PushedCib | PolledCib:
    """The store of the live CIB; `client` names our writes, `source` forces one way, `booth` is what booth manages.

    With "auto", an unknown libcib is logged and polled around; with "libcib" it is a ClusterError.
    """
    if source != "tools":
        try:
            return PushedCib(Libcib(), client, booth)
        except ClusterError as error:
            if source == "libcib":
                raise
            _LOG.warning("%s; polling with cibadmin instead", error.message)
    return PolledCib(client, booth=booth)
