"""The actions of the resource agents.

Rules of this file: an action does one thing, may be repeated, and says what is, not what should be. The daemon finds its
direction by itself, ticket by ticket; promoting it changes nothing in it, and records that the cluster and it agree. There is
no reload: the daemon reads its configuration at its start alone, and what it can take up while it runs (certificates, the
site file) it takes up by itself.
Source: OCF resource agent API 1.1, "Actions".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

from qmfagent.errors import ResourceAgentError
from qmfagent.ocf import cluster
from qmfagent.ocf.codes import Code
from qmfagent.ocf.daemon import Daemon
from qmfagent.ocf.metadata import KINDS, Kind, metadata
from qmfagent.ocf.parameters import Parameters

UNPROMOTED_SCORE, PROMOTED_SCORE = 5, 10
"""Where there are several instances, the one that is promoted already stays so."""


class ResourceAgent:
    """One resource agent in one environment, for one action."""

    def __init__(self, kind: Kind, environment: Mapping[str, str]) -> None:
        self._kind = kind
        self._environment = environment
        self._given = Parameters.of(environment)
        self._daemon = Daemon(self._given.state)

    def actions(self) -> dict[str, Callable[[], Code]]:
        """The actions of this kind, by name; each returns how it ended, or raises ResourceAgentError."""
        roles = {"promote": self._promote, "demote": self._demote} if self._kind.promotable else {}
        return {
            "start": self._start,
            "stop": self._stop,
            "monitor": self._monitor,
            "validate-all": self._validate,
            "meta-data": self._tell,
            **roles,
        }

    def _tell(self) -> Code:
        print(metadata(self._kind), end="")
        return Code.SUCCESS

    def _validate(self) -> Code:
        self._given.check()
        return Code.SUCCESS

    def _start(self) -> Code:
        self._given.check()
        self._check_ticket()
        if not self._daemon.runs:
            environment = {key: text for key, text in self._environment.items() if not key.startswith("OCF_")}
            self._daemon.start(
                self._given.command(), environment, self._given.user, self._given.log_place, self._given.seconds
            )
        self._score(UNPROMOTED_SCORE)
        return Code.SUCCESS

    def _stop(self) -> Code:
        # A cluster that does not answer must not keep the daemon from being stopped.
        with suppress(ResourceAgentError):
            if self._kind.promotable:
                cluster.clear_promotion_score()
        self._daemon.stop(self._given.seconds - cluster.SECONDS)
        return Code.SUCCESS

    def _monitor(self) -> Code:
        if not self._daemon.runs:
            return Code.NOT_RUNNING
        self._check_ticket()
        promoted = self._daemon.promoted
        if self._environment.get("OCF_RESKEY_CRM_meta_interval", "0") == "0":
            # A probe: the score may have been lost with the cluster's memory of transient attributes.
            self._score(PROMOTED_SCORE if promoted else UNPROMOTED_SCORE)
        return Code.RUNNING_PROMOTED if promoted else Code.SUCCESS

    def _promote(self) -> Code:
        if not self._daemon.runs:
            return Code.NOT_RUNNING
        if not cluster.granted(self._given.ticket):
            raise ResourceAgentError(
                Code.ERR_GENERIC,
                f"ticket {self._given.ticket} is not granted to this site: there is nothing to publish",
            )
        self._daemon.set_promoted(True)
        self._score(PROMOTED_SCORE)
        return Code.SUCCESS

    def _demote(self) -> Code:
        if not self._daemon.runs:
            return Code.NOT_RUNNING
        self._daemon.set_promoted(False)
        self._score(UNPROMOTED_SCORE)
        return Code.SUCCESS

    def _check_ticket(self) -> None:
        """Refuse where this kind does not belong."""
        if self._kind.where is None or cluster.granted(self._given.ticket) == self._kind.where:
            return
        state = "not granted" if self._kind.where else "granted"
        raise ResourceAgentError(
            Code.ERR_GENERIC, f"ticket {self._given.ticket} is {state} to this site: no {self._kind.name} here"
        )

    def _score(self, score: int) -> None:
        if self._kind.promotable:
            cluster.set_promotion_score(score)


def run(kind: Kind, action: str, environment: Mapping[str, str]) -> int:
    """Carry out an action; how it ended. What went wrong is told on standard error, as Pacemaker expects it."""
    known = ResourceAgent(kind, environment).actions()
    try:
        if action not in known:
            raise ResourceAgentError(
                Code.ERR_UNIMPLEMENTED, f"{kind.name} {{{'|'.join(known)}}}: there is no action {action!r}"
            )
        return known[action]()
    except ResourceAgentError as failure:
        print(f"{environment.get('OCF_EXIT_REASON_PREFIX', 'ocf-exit-reason:')}{failure}", file=sys.stderr)
        return failure.code


def main(name: str) -> None:
    """Be the resource agent of this name, for the action that the command line names; exits."""
    sys.exit(run(KINDS[name], sys.argv[1] if len(sys.argv) == 2 else "", os.environ))
