"""Random CIBs that Pacemaker's schema accepts, and random edits of them, for the laws.

Rules of this file: ids follow from places, so that two CIBs of one strategy overlap. Everything a reference names exists.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from random import Random

from hypothesis import strategies as st
from lxml import etree

VALIDATE_WITH = "pacemaker-3.9"

# Pacemaker 2.1.5 loses the escape of a character where a letter beyond ASCII stands beside it: never both in one value.
_VALUES = ["1", "2", "ä", "a<&'\"b"]

_HEAD = {
    "validate-with": VALIDATE_WITH,
    "crm_feature_set": "3.16.1",
    "admin_epoch": "0",
    "epoch": "5",
    "num_updates": "0",
}


def cibs(
    *, prefix: str = "", tickets: tuple[str, ...] = ("T", "U"), borrow: bool = True
) -> st.SearchStrategy[etree._Element]:
    """CIBs whose ids begin with `prefix`, whose ticket constraints name `tickets`; with id-refs where `borrow` is set."""
    return st.randoms(use_true_random=False).map(lambda rng: Cib(rng, prefix, tickets, borrow).build())


def edits(*, borrow: bool = True) -> st.SearchStrategy[Callable[[etree._Element], etree._Element]]:
    """Functions that give a changed copy of a CIB. The result is valid where the CIB is one of `cibs`."""
    return st.randoms(use_true_random=False).map(lambda rng: lambda cib: edited(cib, rng))


class Cib:
    """Builds one random CIB."""

    def __init__(self, rng: Random, prefix: str, tickets: tuple[str, ...], borrow: bool) -> None:
        self._rng = rng
        self._prefix = prefix
        self._tickets = tickets
        self._borrow = borrow
        self._lent: dict[str, list[str]] = {}
        self._resources: list[str] = []
        self._templates: list[str] = []
        self._constraints: list[str] = []

    def build(self) -> etree._Element:
        """A cib element."""
        rng, prefix = self._rng, self._prefix
        cib = etree.Element("cib", _HEAD)
        configuration = etree.SubElement(cib, "configuration")
        options = etree.SubElement(
            etree.SubElement(configuration, "crm_config"), "cluster_property_set", id=f"{prefix}opts"
        )
        etree.SubElement(options, "nvpair", id=f"{prefix}opts-stonith", name="stonith-enabled", value="false")
        etree.SubElement(configuration, "nodes").append(etree.Element("node", id="1", uname="n1"))
        resources = etree.SubElement(configuration, "resources")
        for i in range(rng.randrange(3)):
            resources.append(self._template(f"{prefix}t{i}"))
        for i in range(rng.randrange(1, 6)):
            self._top(resources, i)
        rng.shuffle(resources[:])
        tags = [self._tag(f"{prefix}k{i}") for i in range(rng.randrange(3))]
        names = [str(tag.get("id")) for tag in tags]
        constraints = etree.SubElement(configuration, "constraints")
        for i in range(rng.randrange(1, 8)):
            constraints.append(self._constraint(f"{prefix}c{i}", names))
        if rng.random() < 0.5:
            defaults = etree.SubElement(configuration, "op_defaults")
            defaults.append(self._nvset("meta_attributes", f"{prefix}od"))
        if tags:
            etree.SubElement(configuration, "tags").extend(tags)
        if self._constraints and rng.random() < 0.3:
            mixed = etree.Element("tag", id=f"{prefix}mixed")
            etree.SubElement(mixed, "obj_ref", id=rng.choice(self._constraints))
            etree.SubElement(mixed, "obj_ref", id=rng.choice(self._resources))
            found = configuration.find("tags")
            (etree.SubElement(configuration, "tags") if found is None else found).append(mixed)
        for borrowed in cib.xpath("//*[@id-ref = preceding-sibling::*/@id-ref]"):
            borrowed.getparent().remove(borrowed)
        etree.SubElement(cib, "status")
        return cib

    def _top(self, resources: etree._Element, index: int) -> None:
        rng, prefix = self._rng, self._prefix
        kind = rng.choice(["primitive", "primitive", "group", "clone", "cloned-group", "bundle"])
        identifier = f"{prefix}r{index}"
        if kind == "primitive":
            resources.append(self._primitive(identifier))
            return
        self._resources.append(identifier)
        top = etree.SubElement(resources, kind if kind != "cloned-group" else "clone", id=identifier)
        if rng.random() < 0.4:
            top.append(self._nvset("meta_attributes", f"{identifier}-m"))
        if kind == "bundle":
            etree.SubElement(top, "docker", image="image", replicas=str(rng.randrange(1, 4)))
            etree.SubElement(top, "network", {"ip-range-start": "10.0.0.1", "control-port": "3121"})
            if rng.random() < 0.7:
                top.append(self._primitive(f"{identifier}-p0"))
            return
        if kind == "cloned-group":
            top = etree.SubElement(top, "group", id=f"{identifier}-g")
            self._resources.append(f"{identifier}-g")
        order = list(range(1 if kind == "clone" else rng.randrange(1, 4)))
        rng.shuffle(order)
        for i in order:
            top.append(self._primitive(f"{identifier}-p{i}"))

    def _template(self, identifier: str) -> etree._Element:
        self._templates.append(identifier)
        template = etree.Element(
            "template", {"id": identifier, "class": "ocf", "provider": "pacemaker", "type": "Dummy"}
        )
        self._parts(template)
        return template

    def _primitive(self, identifier: str) -> etree._Element:
        primitive = etree.Element("primitive", id=identifier)
        if self._templates and self._rng.random() < 0.4:
            primitive.set("template", self._rng.choice(self._templates))
        else:
            primitive.attrib.update(
                {"class": "ocf", "provider": "pacemaker", "type": self._rng.choice(["Dummy", "Stateful"])}
            )
        self._parts(primitive)
        self._resources.append(identifier)
        return primitive

    def _parts(self, resource: etree._Element) -> None:
        rng, identifier = self._rng, resource.get("id")
        for i, tag in enumerate(
            rng.sample(["instance_attributes", "meta_attributes", "instance_attributes"], rng.randrange(3))
        ):
            resource.append(self._or_borrowed(tag, self._nvset, f"{identifier}-{tag[0]}{i}"))
        if rng.random() < 0.5:
            operations = self._borrowed("operations")
            if operations is None:
                operations = etree.Element("operations", id=f"{identifier}-o")
                self._lent.setdefault("operations", []).append(f"{identifier}-o")
                for i, name in enumerate(rng.sample(["start", "stop", "monitor"], rng.randrange(1, 3))):
                    operation = etree.SubElement(operations, "op", id=f"{identifier}-o{i}", name=name, interval="0s")
                    if rng.random() < 0.2:
                        operation.append(self._or_borrowed("meta_attributes", self._nvset, f"{identifier}-o{i}-m"))
            resource.append(operations)

    def _nvset(self, tag: str, identifier: str) -> etree._Element:
        rng = self._rng
        nvset = etree.Element(tag, id=identifier)
        if rng.random() < 0.2:
            nvset.append(self._or_borrowed("rule", self._rule, f"{identifier}-rule"))
        for i in rng.sample(range(4), rng.randrange(4)):
            borrowed = self._borrowed("nvpair")
            if borrowed is not None:
                if rng.random() < 0.5:
                    borrowed.set("name", f"n{i}")
                nvset.append(borrowed)
            else:
                etree.SubElement(nvset, "nvpair", id=f"{identifier}-n{i}", name=f"n{i}", value=rng.choice(_VALUES))
                self._lent.setdefault("nvpair", []).append(f"{identifier}-n{i}")
        self._lent.setdefault(tag, []).append(identifier)
        return nvset

    def _rule(self, tag: str, identifier: str) -> etree._Element:
        rng = self._rng
        rule = etree.Element(tag, {"id": identifier, "score": "INFINITY", "boolean-op": "or"})
        for i in rng.sample(range(3), rng.randrange(1, 3)):
            etree.SubElement(
                rule, "expression", id=f"{identifier}-e{i}", attribute="#uname", operation="eq", value=rng.choice("ab")
            )
        self._lent.setdefault("rule", []).append(identifier)
        return rule

    def _borrowed(self, tag: str) -> etree._Element | None:
        lent = self._lent.get(tag)
        if not self._borrow or not lent or self._rng.random() > 0.25:
            return None
        return etree.Element(tag, {"id-ref": self._rng.choice(lent)})

    def _or_borrowed(self, tag: str, make: Callable[[str, str], etree._Element], identifier: str) -> etree._Element:
        borrowed = self._borrowed(tag)
        return make(tag, identifier) if borrowed is None else borrowed

    def _tag(self, identifier: str) -> etree._Element:
        tag = etree.Element("tag", id=identifier)
        for reference in self._rng.sample(self._resources, self._rng.randrange(1, min(3, len(self._resources)) + 1)):
            etree.SubElement(tag, "obj_ref", id=reference)
        return tag

    def _constraint(self, identifier: str, tags: list[str]) -> etree._Element:
        rng = self._rng
        kinds = ["rsc_ticket", "rsc_ticket", "rsc_location", "rsc_colocation", "rsc_order"]
        kind = rng.choice(kinds) if self._constraints else "rsc_ticket"
        constraint = etree.Element(kind, id=identifier)
        if kind == "rsc_ticket":
            name = rng.choice(self._tickets) if self._constraints else self._tickets[0]
            constraint.attrib.update({"ticket": name, "loss-policy": rng.choice(["stop", "freeze"])})
        if rng.random() < 0.35:
            for i in range(rng.randrange(1, 3)):
                constraint.append(
                    self._or_borrowed("resource_set", partial(self._set, tags=tags), f"{identifier}-s{i}")
                )
        else:
            self._ends(constraint, tags)
        if kind == "rsc_location":
            if rng.random() < 0.5:
                constraint.attrib.update({"node": "n1", "score": "10"})
            else:
                constraint.append(self._or_borrowed("rule", self._rule, f"{identifier}-rule"))
        self._constraints.append(identifier)
        return constraint

    def _ends(self, constraint: etree._Element, tags: list[str]) -> None:
        rng = self._rng
        kind = constraint.tag
        if kind == "rsc_location" and rng.random() < 0.4:
            constraint.set(
                "rsc-pattern", rng.choice([f"^{self._prefix}r[0-2]$", f"!{self._prefix}r", "[[:digit:]]", "r(1|3)"])
            )
            return
        names = {"rsc_colocation": ("rsc", "with-rsc"), "rsc_order": ("first", "then")}.get(str(kind), ("rsc",))
        for name in names:
            constraint.set(name, rng.choice([*self._resources, *self._templates, *tags]))

    def _set(self, tag: str, identifier: str, tags: list[str]) -> etree._Element:
        resource_set = etree.Element(tag, id=identifier)
        candidates = [*self._resources, *self._templates, *tags]
        for reference in self._rng.sample(candidates, self._rng.randrange(1, min(3, len(candidates)) + 1)):
            etree.SubElement(resource_set, "resource_ref", id=reference)
        self._lent.setdefault("resource_set", []).append(identifier)
        return resource_set


def edited(cib: etree._Element, rng: Random) -> etree._Element:
    """A copy with one to four changes, and the next epoch."""
    result = deepcopy(cib)
    for _ in range(rng.randrange(1, 5)):
        rng.choice(_EDITS)(result, rng)
    result.set("epoch", str(int(result.get("epoch", "0")) + 1))
    result.set("num_updates", "0")
    return result


def _change_value(cib: etree._Element, rng: Random) -> None:
    if pairs := cib.xpath("//resources//nvpair[@value]"):
        rng.choice(pairs).set("value", rng.choice(["7", "8", ""]))


def _change_operation(cib: etree._Element, rng: Random) -> None:
    if operations := cib.xpath("//resources//op"):
        operation = rng.choice(operations)
        if rng.random() < 0.5:
            operation.set("timeout", rng.choice(["10s", "20s"]))
        else:
            operation.attrib.pop("timeout", None)


def _shuffle(cib: etree._Element, rng: Random) -> None:
    if parents := cib.xpath(
        "//group | //resource_set | //rule | //instance_attributes | //resources | //tag | //primitive"
    ):
        parent = rng.choice(parents)
        children = list(parent)
        rng.shuffle(children)
        parent[:] = children


def _remove(cib: etree._Element, rng: Random) -> None:
    """Remove something, and whatever refers to it."""
    if found := cib.xpath("//resources//*[@id] | //constraints/* | //tags/tag"):
        _remove_with_users(cib, rng.choice(found))


def _remove_with_users(cib: etree._Element, element: etree._Element) -> None:
    gone = {str(i) for i in element.xpath("descendant-or-self::*[not(self::resource_ref)]/@id")}
    parent = element.getparent()
    if parent is None:
        return
    parent.remove(element)
    for user in cib.xpath("//resource_ref | //obj_ref | //*[@id-ref] | //*[@template] | //constraints/*"):
        names = ("id-ref", "template", "rsc", "with-rsc", "first", "then")
        named = {user.get(n) for n in names} | ({user.get("id")} if user.tag in ("resource_ref", "obj_ref") else set())
        if named & gone and user.getparent() is not None:
            _remove_with_users(cib, user)
    for empty in cib.xpath(
        "//group[not(primitive)] | //clone[not(primitive) and not(group)] | //resource_set[@id][not(*)] | //tag[not(*)]"
    ):
        if empty.getparent() is not None:
            _remove_with_users(cib, empty)
    for rule in cib.xpath("//rule[not(@id-ref)][not(*)]"):
        _remove_with_users(cib, rule)
    for bare in cib.xpath("//constraints/*[not(@rsc or @with-rsc or @first or @rsc-pattern or resource_set)]"):
        _remove_with_users(cib, bare)
    for bare in cib.xpath("//constraints/rsc_location[not(@node) and not(rule)]"):
        _remove_with_users(cib, bare)


def _add_pair(cib: etree._Element, rng: Random) -> None:
    if nvsets := cib.xpath("//resources//instance_attributes[@id]"):
        nvset = rng.choice(nvsets)
        identifier = f"{nvset.get('id')}-added{rng.randrange(3)}"
        if not cib.xpath(f"//*[@id='{identifier}']"):
            etree.SubElement(nvset, "nvpair", id=identifier, name="added", value="1")


def _add_resource(cib: etree._Element, rng: Random) -> None:
    identifier = f"added{rng.randrange(4)}"
    if not cib.xpath(f"//*[@id='{identifier}' or @id='{identifier}-t']"):
        resources, constraints = cib.find("configuration/resources"), cib.find("configuration/constraints")
        assert resources is not None
        assert constraints is not None
        attributes = {"id": identifier, "class": "ocf", "provider": "pacemaker", "type": "Dummy"}
        resources.insert(rng.randrange(len(resources) + 1), etree.Element("primitive", attributes))
        constraints.append(etree.Element("rsc_ticket", id=f"{identifier}-t", rsc=identifier, ticket="T"))


def _wrap(cib: etree._Element, rng: Random) -> None:
    if primitives := cib.xpath("/cib/configuration/resources/primitive"):
        primitive = rng.choice(primitives)
        identifier = f"{primitive.get('id')}-wrap"
        if not cib.xpath(f"//*[@id='{identifier}']"):
            group = etree.Element("group", id=identifier)
            primitive.getparent().replace(primitive, group)
            group.append(primitive)


def _comment(cib: etree._Element, rng: Random) -> None:
    if parents := cib.xpath("//resources | //group | //constraints"):
        parent = rng.choice(parents)
        parent.insert(rng.randrange(len(parent) + 1), etree.Comment(" remark "))


_EDITS = [_change_value, _change_operation, _shuffle, _remove, _add_pair, _add_resource, _wrap, _comment]
