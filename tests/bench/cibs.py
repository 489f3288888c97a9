"""CIBs of any size: primitives, a ticket constraint for each, and orders between neighbours."""

from __future__ import annotations

from collections.abc import Iterator


def primitives(count: int) -> Iterator[str]:
    """The primitives of such a CIB."""
    for i in range(count):
        yield (
            f'<primitive id="r{i}" class="ocf" provider="pacemaker" type="Dummy">'
            f'<instance_attributes id="r{i}-ia"><nvpair id="r{i}-state" name="state" value="/run/r{i}"/></instance_attributes>'
            f'<operations><op id="r{i}-monitor" name="monitor" interval="10s"/></operations></primitive>'
        )


def constraints(count: int, ticket: str) -> Iterator[str]:
    """A ticket constraint for each primitive, and an order between two of three neighbours."""
    for i in range(count):
        yield f'<rsc_ticket id="t{i}" rsc="r{i}" ticket="{ticket}" loss-policy="stop"/>'
        if i % 3:
            yield f'<rsc_order id="o{i}" first="r{i - 1}" then="r{i}"/>'


def cib(count: int, ticket: str = "T", status: str = "<status/>") -> bytes:
    """A CIB of `count` primitives that all depend on `ticket`."""
    return (
        '<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config/><nodes/>'
        f"<resources>{''.join(primitives(count))}</resources>"
        f"<constraints>{''.join(constraints(count, ticket))}</constraints></configuration>{status}</cib>"
    ).encode()


def empty_cib() -> bytes:
    """A CIB without resources."""
    return (
        b'<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config/><nodes/>'
        b"<resources/><constraints/></configuration><status/></cib>"
    )
