"""What a resource agent tells of itself, for people and tools.

Rules of this file: OCF 1.1 in what ra-api-1.dtd of the resource-agents package knows as well, since tools check against that.
Source: OCF resource agent metadata 1.1; ra-api-1.dtd.
"""

from __future__ import annotations

from dataclasses import dataclass

from qmfagent.ocf.parameters import BINARY, CONFIG, IDENTIFIER, LOG, LOG_FORMATS, USER

_VERSION = "1.0"

_METADATA = """\
<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="{kind.name}" version="{version}">
<version>1.1</version>
<longdesc lang="en">
{kind.description}

It runs `qmfagent run` with the configuration file that is named. That file is the site's, and so the same on every node, as are
those that it names. The agent counts as started when consoles can connect to it.
</longdesc>
<shortdesc lang="en">{kind.title}</shortdesc>

<parameters>

<parameter name="config">
<longdesc lang="en">The agent's configuration file.</longdesc>
<shortdesc lang="en">configuration file</shortdesc>
<content type="string" default="{config}"/>
</parameter>

<parameter name="ticket" required="1">
<longdesc lang="en">
The ticket that the role of this site follows. The agent replicates every ticket of its configuration, whatever is named here.
</longdesc>
<shortdesc lang="en">ticket</shortdesc>
<content type="string"/>
</parameter>

<parameter name="xslt">
<longdesc lang="en">
XSLT files, separated by blanks, that publications of other sites go through in this order, after the overrides of the site
file, and in place of the XSLT steps that it lists.
</longdesc>
<shortdesc lang="en">XSLT chain</shortdesc>
<content type="string" default=""/>
</parameter>

<parameter name="binary">
<longdesc lang="en">The command qmfagent, as a path or a name.</longdesc>
<shortdesc lang="en">command</shortdesc>
<content type="string" default="{binary}"/>
</parameter>

<parameter name="user">
<longdesc lang="en">
The user that the agent runs as: root or hacluster, who may write the CIB. The keys and the journal must be that user's.
</longdesc>
<shortdesc lang="en">user</shortdesc>
<content type="string" default="{user}"/>
</parameter>

<parameter name="log">
<longdesc lang="en">
The file that the agent logs to, in place of systemd's journal (journalctl -t {identifier}); where there is no journal, it is
{log}. The agent renames it when it is full and keeps nine old ones: 100 MiB at most.
</longdesc>
<shortdesc lang="en">log file</shortdesc>
<content type="string" default=""/>
</parameter>

<parameter name="log_format">
<longdesc lang="en">What the lines of the log are: text, for people, or json, one JSON object a line.</longdesc>
<shortdesc lang="en">form of the log</shortdesc>
<content type="string" default="{log_format}"/>
</parameter>

</parameters>

<actions>
{actions}
</actions>
</resource-agent>
"""

_STARTS = '<action name="start" timeout="60s"/>\n<action name="stop" timeout="30s"/>'
_MONITOR = '<action name="monitor" timeout="20s" interval="10s" depth="0"/>'
_ROLES = """\
<action name="promote" timeout="20s"/>
<action name="demote" timeout="20s"/>
<action name="monitor" timeout="20s" interval="10s" depth="0" role="Promoted"/>
<action name="monitor" timeout="20s" interval="11s" depth="0" role="Unpromoted"/>"""
_TELLS = '<action name="meta-data" timeout="5s"/>\n<action name="validate-all" timeout="20s"/>'


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the resource agents. `where` is whether the ticket has to be granted where it runs, None where it does not matter;
    `title` and `description` are for people."""

    name: str
    where: bool | None
    promotable: bool
    title: str
    description: str


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "publisher",
            where=True,
            promotable=False,
            title="Publishes what depends on a ticket",
            description="Runs this site's agent while the site holds the ticket. Else it does not start, or fails.",
        ),
        Kind(
            "subscriber",
            where=False,
            promotable=False,
            title="Takes over what depends on a ticket from the site that holds it",
            description="Runs this site's agent while another site holds the ticket. Else it does not start, or fails.",
        ),
        Kind(
            "replicator",
            where=None,
            promotable=True,
            title="Replicates what depends on a ticket between the sites",
            description=(
                "Runs this site's agent at all times: promoted, which is to say publisher, while the site holds\n"
                "the ticket, and else unpromoted, a subscriber. It wants a promotable clone with clone-max=1, and a ticket\n"
                "constraint with "
                'rsc-role="Promoted" loss-policy="demote".'
            ),
        ),
    )
}


def metadata(kind: Kind) -> str:
    """The XML document that the action meta-data prints."""
    actions = "\n".join((_STARTS, _ROLES if kind.promotable else _MONITOR, _TELLS))
    return _METADATA.format(
        kind=kind,
        version=_VERSION,
        config=CONFIG,
        binary=BINARY,
        user=USER,
        log=LOG,
        log_format=LOG_FORMATS[0],
        identifier=IDENTIFIER,
        actions=actions,
    )
