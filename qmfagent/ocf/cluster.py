"""What an action asks and tells the cluster: the state of a ticket, and how fit this node is for promotion.

Rules of this file: Pacemaker's own commands, each with a bound; a ticket that can't be asked about is a failure and never "not
granted", which would let a subscriber run.
Source: crm_ticket(8), crm_attribute(8).
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from qmfagent.errors import ResourceAgentError
from qmfagent.ocf.codes import Code

SECONDS = 5.0


def granted(ticket: str) -> bool:
    """Whether a ticket is granted to this site. Raises ResourceAgentError where the cluster does not tell."""
    # A ticket that was never granted here is not known: hence the default.
    return _run(["crm_ticket", "--ticket", ticket, "--get-attr", "granted", "--default", "false"]) == "true"


def set_promotion_score(score: int) -> None:
    """Say how fit this node is for promotion. Raises ResourceAgentError."""
    _run(["crm_attribute", "--promotion", "--update", str(score)])


def clear_promotion_score() -> None:
    """Say that this node is not to be promoted. Raises ResourceAgentError."""
    _run(["crm_attribute", "--promotion", "--delete"])


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands; a ticket is one argument
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=True
        )
    except FileNotFoundError:
        raise ResourceAgentError(Code.ERR_INSTALLED, f"there is no command {command[0]} on this node") from None
    except subprocess.TimeoutExpired:
        raise ResourceAgentError(Code.ERR_GENERIC, f"{command[0]} gave no answer in {SECONDS:g} s") from None
    except subprocess.CalledProcessError as error:
        raise ResourceAgentError(
            Code.ERR_GENERIC, f"{command[0]}: {str(error.stderr).strip() or error.returncode}"
        ) from None
    return done.stdout.strip()
