"""What administrators do to a configuration: each edit gives members, by id, in another form, or None for one that goes.

Rules of this file: an administrator leaves no reference to what is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from lxml import etree

from qmfagent.cib import document
from tests.model.site import TICKET, Site

Wanted = dict[str, Any]
Draw = Callable[[Any], Any]
New = Callable[[str], str]

_CIB = """
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="0"><configuration>
<crm_config><cluster_property_set id="cib-bootstrap-options"/></crm_config><nodes/>
<resources>{}<primitive id="own" class="ocf" provider="pacemaker" type="Dummy"/></resources>
<constraints>{}<rsc_location id="at-own" rsc="own" node="n1" score="1"/></constraints></configuration><status/></cib>
"""
RESOURCES = (
    '<primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2"><instance_attributes id="vip-ia">'
    '<nvpair id="vip-ip" name="ip" value="10.1.0.10"/><nvpair id="vip-v" name="nic" value="eth0"/>'
    "</instance_attributes></primitive>"
    '<group id="g"><primitive id="g0" class="ocf" provider="pacemaker" type="Dummy"/></group>'
)
CONSTRAINTS = (
    '<rsc_ticket id="t-vip" rsc="vip" ticket="T"/><rsc_ticket id="t-g" rsc="g" ticket="T"/>'
    '<rsc_colocation id="c-g" rsc="g" with-rsc="vip" score="INFINITY"/>'
)
VALUES = st.sampled_from(["1", "2", "ä<&>", ""])
# Names that two sites may give to things of their own.
COMMON = ("x1", "x2")


def cib(resources: str, constraints: str) -> bytes:
    """A whole CIB, with a resource of the site's own in it."""
    return _CIB.format(resources, constraints).encode()


def _primitive(name: str, value: str = "0") -> etree._Element:
    return etree.fromstring(
        f'<primitive id="{name}" class="ocf" provider="pacemaker" type="Dummy"><instance_attributes id="{name}-ia">'
        f'<nvpair id="{name}-v" name="fake" value="{value.replace("&", "&amp;").replace("<", "&lt;")}"/>'
        "</instance_attributes></primitive>"
    )


def _ticket(name: str) -> str:
    return f'<rsc_ticket id="t-{name}" rsc="{name}" ticket="{TICKET}"/>'


def _users(site: Site, name: str) -> list[str]:
    """The constraints that refer to a resource."""
    return [str(c.get("id")) for c in site.cib.section("constraints") if name in (c.get("rsc"), c.get("with-rsc"))]


def _going(site: Site, name: str) -> Wanted:
    return {**dict.fromkeys(_users(site, name)), name: None}


def _on_ticket(site: Site) -> list[str]:
    """The primitives that depend on the ticket by themselves."""
    return [i for i in site.closure if site.cib.members[i].tag == "primitive"]


# -- where the ticket is held


def create(draw: Draw, site: Site, new: New) -> Wanted:
    """A resource on the ticket, mostly of a name that nobody else gives."""
    name = draw(st.sampled_from([new("p"), *COMMON]))
    return {} if name in site.cib.ids else {name: _primitive(name), f"t-{name}": _ticket(name)}


def delete(draw: Draw, site: Site, new: New) -> Wanted:
    """A resource on the ticket goes, with whatever refers to it."""
    names = _on_ticket(site)
    return _going(site, draw(st.sampled_from(names))) if names else {}


def rename(draw: Draw, site: Site, new: New) -> Wanted:
    """The same under another name."""
    names = [name for name in _on_ticket(site) if name != "vip"]
    if not names:
        return {}
    old, name = draw(st.sampled_from(names)), new("p")
    return {**_going(site, old), name: _primitive(name, "renamed"), f"t-{name}": _ticket(name)}


def set_value(draw: Draw, site: Site, new: New) -> Wanted:
    """Another value of a parameter."""
    return _with_value(site, draw, list(site.closure))


def into_the_group(draw: Draw, site: Site, new: New) -> Wanted:
    """A resource that stood by itself becomes a part of the group."""
    names = [name for name in _on_ticket(site) if name != "vip"]
    if not names or "g" not in site.closure:
        return {}
    name = draw(st.sampled_from(names))
    group = site.member("g")
    group.append(site.member(name))
    return {**_going(site, name), "g": group}


def out_of_the_group(draw: Draw, site: Site, new: New) -> Wanted:
    """The other way round."""
    if "g" not in site.closure or len(site.cib.members["g"]) < 2:
        return {}
    group = site.member("g")
    leaving = draw(st.sampled_from([*group]))
    group.remove(leaving)
    name = str(leaving.get("id"))
    return {"g": group, name: leaving, f"t-{name}": _ticket(name)}


def rearrange(draw: Draw, site: Site, new: New) -> Wanted:
    """Another order in the group, with one more in it."""
    if "g" not in site.closure:
        return {}
    group = site.member("g")
    children = [*group]
    if len(children) < 4:
        children.append(_primitive(new("g")))
    group[:] = draw(st.permutations(children))
    return {"g": group}


def colocate(draw: Draw, site: Site, new: New) -> Wanted:
    """One more constraint between two that depend on the ticket."""
    names = _on_ticket(site)
    if len(names) < 2:
        return {}
    one, other = names[0], draw(st.sampled_from(names[1:]))
    identifier = new("c")
    return {identifier: f'<rsc_colocation id="{identifier}" rsc="{one}" with-rsc="{other}" score="5"/>'}


def off_the_ticket(draw: Draw, site: Site, new: New) -> Wanted:
    """It becomes this site's own."""
    names = _on_ticket(site)
    return dict.fromkeys(_users(site, draw(st.sampled_from(names)))) if names else {}


def withdraw(draw: Draw, site: Site, new: New) -> Wanted:
    """Nothing depends on the ticket any more."""
    return dict.fromkeys(i for i in site.closure if site.cib.members[i].get("ticket"))


OF_HOLDERS = (
    *(create, set_value) * 4,
    *(delete, rename, into_the_group, out_of_the_group, rearrange, colocate, off_the_ticket) * 2,
    withdraw,
)

# -- anywhere


def create_locally(draw: Draw, site: Site, new: New) -> Wanted:
    """A resource of this site's own, and where it runs."""
    name = draw(st.sampled_from([new("own"), *COMMON]))
    if name in site.cib.ids:
        return {}
    return {name: _primitive(name), f"at-{name}": f'<rsc_location id="at-{name}" rsc="{name}" node="n1" score="1"/>'}


def delete_locally(draw: Draw, site: Site, new: New) -> Wanted:
    """It goes."""
    names = [i for i in site.local if site.cib.members[i].tag == "primitive"]
    return _going(site, draw(st.sampled_from(names))) if names else {}


def edit_locally(draw: Draw, site: Site, new: New) -> Wanted:
    """Another value of it."""
    return _with_value(site, draw, site.local)


def lean_on(draw: Draw, site: Site, new: New) -> Wanted:
    """A constraint of this site's own on what was delivered."""
    names = [i for i in site.owned if site.cib.members[i].tag == "primitive"]
    if not names:
        return {}
    name, identifier = draw(st.sampled_from(names)), new("lean")
    return {identifier: f'<rsc_location id="{identifier}" rsc="{name}" node="n1" score="7"/>'}


OF_ANYBODY = (create_locally, create_locally, delete_locally, edit_locally, edit_locally, lean_on)

# -- where it was delivered to


def edit_delivered(draw: Draw, site: Site, new: New) -> Wanted:
    """Another value of what was delivered."""
    return _with_value(site, draw, list(site.owned))


def delete_delivered(draw: Draw, site: Site, new: New) -> Wanted:
    """It goes."""
    names = [i for i in site.owned if site.cib.members[i].tag == "primitive"]
    return _going(site, draw(st.sampled_from(names))) if names else {}


OF_OTHERS = (edit_delivered, edit_delivered, edit_delivered, delete_delivered)


def _with_value(site: Site, draw: Draw, members: list[str]) -> Wanted:
    pairs = [str(e.get("id")) for i in members for e in site.cib.members[i].iter("nvpair")]
    if not pairs:
        return {}
    pair = draw(st.sampled_from(pairs))
    identifier = str(document.member_of(site.cib.ids[pair]).get("id"))
    member = site.member(identifier)
    for each in member.iter("nvpair"):
        if each.get("id") == pair:
            each.set("value", draw(VALUES))
    return {identifier: member}
