"""What the two sites run: a database of a group and a promotable clone on ticket `db-ticket`, and local resources at each.

`db-ip` stands for an address: its parameter `fake` is this site's own value, and site files set it.
"""

from __future__ import annotations

TICKET = "db-ticket"

ADDRESS = {"sitea": "10.1.0.10", "siteb": "10.2.0.10"}

SITE_FILES = {
    name: (
        "[[override]]\n"
        "select = \"primitive[@id='db-ip']/instance_attributes/nvpair[@name='fake']\"\n"
        f'value = "{address}"\n'
    )
    for name, address in ADDRESS.items()
}

DB = frozenset({"db", "db-data-clone", "ticket-db", "ticket-data", "db-with-data", "data-then-db", "db-where"})


def dummy(name: str, **parameters: str) -> str:
    """A primitive of ocf:pacemaker:Dummy."""
    pairs = "".join(f'<nvpair id="{name}-{key}" name="{key}" value="{value}"/>' for key, value in parameters.items())
    attributes = f'<instance_attributes id="{name}-ia">{pairs}</instance_attributes>' if pairs else ""
    return f'<primitive id="{name}" class="ocf" provider="pacemaker" type="Dummy">{attributes}</primitive>'


def local(site: str) -> str:
    """The resources and constraints that only `site` has."""
    return (
        f"<resources>{dummy(f'local-{site}', fake='mine')}{dummy(f'beside-{site}')}</resources>"
        f'<constraints><rsc_colocation id="local-{site}-beside" rsc="beside-{site}" with-rsc="local-{site}" score="10"/>'
        "</constraints>"
    )


def database() -> str:
    """What depends on the ticket, as site A has it."""
    return (
        "<resources>"
        f'<group id="db">{dummy("db-ip", fake=ADDRESS["sitea"])}{dummy("db-app", fake="0")}</group>'
        '<clone id="db-data-clone"><meta_attributes id="db-data-clone-ma">'
        '<nvpair id="db-data-clone-promotable" name="promotable" value="true"/></meta_attributes>'
        '<primitive id="db-data" class="ocf" provider="pacemaker" type="Stateful"><operations>'
        '<op id="db-data-monitor" name="monitor" interval="10s" role="Promoted"/>'
        '<op id="db-data-watch" name="monitor" interval="11s" role="Unpromoted"/>'
        "</operations></primitive></clone></resources>"
        "<constraints>"
        f'<rsc_ticket id="ticket-db" rsc="db" ticket="{TICKET}" loss-policy="stop"/>'
        f'<rsc_ticket id="ticket-data" rsc="db-data-clone" rsc-role="Promoted" ticket="{TICKET}" loss-policy="demote"/>'
        '<rsc_colocation id="db-with-data" rsc="db" with-rsc="db-data-clone" with-rsc-role="Promoted" score="INFINITY"/>'
        '<rsc_order id="data-then-db" first="db-data-clone" first-action="promote" then="db" then-action="start"/>'
        '<rsc_location id="db-where" rsc="db"><rule id="db-where-rule" score="100">'
        '<expression id="db-where-site" attribute="#site-name" operation="defined"/></rule></rsc_location>'
        "</constraints>"
    )
