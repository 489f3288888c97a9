"""What the tests of the CIB domain share: short ways to snapshots and plans, and comparison of what matters alone."""

from __future__ import annotations

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling.mangle import SiteRules, mangle
from qmfagent.cib.mangling.overrides import Override, OverrideUse, SiteFile
from qmfagent.cib.mangling.transform import transform
from qmfagent.cib.ownership import is_ownership_tag, owned_ids
from qmfagent.cib.plans.difference import UNORDERED
from qmfagent.cib.plans.plan import Plan
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.snapshot import Snapshot


def cib(resources: str = "", constraints: str = "", tags: str = "", *, more: str = "", status: str = "") -> Snapshot:
    """A snapshot of a CIB with these members; `more` is put beside the sections, `status` into the status."""
    return Snapshot.parse(cib_text(resources, constraints, tags, more=more, status=status))


def cib_text(resources: str = "", constraints: str = "", tags: str = "", *, more: str = "", status: str = "") -> bytes:
    """The CIB that `cib` parses."""
    return (
        '<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="3" crm_feature_set="3.16.1">'
        f"<configuration><crm_config/><nodes/><resources>{resources}</resources><constraints>{constraints}</constraints>"
        f"{f'<tags>{tags}</tags>' if tags else ''}{more}</configuration><status>{status}</status></cib>"
    ).encode()


def dummy(identifier: str, inner: str = "") -> str:
    """A primitive as text."""
    return f'<primitive id="{identifier}" class="ocf" provider="pacemaker" type="Dummy">{inner}</primitive>'


def pairs(identifier: str, tag: str = "instance_attributes", **values: str) -> str:
    """A set of nvpairs as text; the id of each pair is the set's and its name."""
    inner = "".join(f'<nvpair id="{identifier}-{n}" name="{n}" value="{v}"/>' for n, v in values.items())
    return f'<{tag} id="{identifier}">{inner}</{tag}>'


def ticket(identifier: str, rsc: str, name: str = "T") -> str:
    """A ticket constraint as text."""
    return f'<rsc_ticket id="{identifier}" rsc="{rsc}" ticket="{name}"/>'


def apply(target: Snapshot, plan: Plan) -> Snapshot:
    """The target after a plan, as our own patching has it."""
    assert not plan.errors, plan.errors
    return target.advance(document.parse_element(plan.patchset)) if plan.changes else target


def replicate(source: Snapshot, target: Snapshot, name: str = "T", *, adopt: bool = False) -> Snapshot:
    """The target after what `source` has for the ticket was applied to it."""
    return apply(target, make_plan(target, closure(source, name), adopt=adopt))


def overridden(source: Closure, *overrides: Override) -> tuple[Closure, tuple[OverrideUse, ...]]:
    """A closure with these overrides in effect, and what each of them did."""
    mangled = mangle(source, {}, SiteRules("site.toml", SiteFile(overrides)), transform)
    return mangled.closure, mangled.uses


def normal(line: bytes | etree._Element) -> bytes:
    """A member with everything sorted whose order means nothing: equal bytes mean the same to Pacemaker."""
    element = document.parse_element(line if isinstance(line, bytes) else document.canonical(line))
    for each in list(element.iter("*")):
        if each.tag in UNORDERED:
            each[:] = sorted(each, key=document.canonical)
    return document.canonical(element)


def normal_closure(found: Closure) -> dict[str, bytes]:
    """A closure's members by id, in their normal form."""
    return {identifier: normal(line) for identifier, line in found.lines.items()}


def outside(snapshot: Snapshot, name: str = "T") -> tuple[bytes, dict[str, list[bytes]]]:
    """Everything that an apply for the ticket may not change: other sections whole, and in each of the others the members
    that are not owned for it, in their order, with comments."""
    ours = owned_ids(snapshot, name)
    rest = snapshot.to_element()
    members: dict[str, list[bytes]] = {}
    for section in document.SECTIONS:
        found = rest.find(f"configuration/{section}")
        children = [] if found is None else list(found)
        members[section] = [
            etree.tostring(e, method="c14n")
            for e in children
            if e.get("id") not in ours and not is_ownership_tag(e.get("id") or "")
        ]
        if found is not None:
            found.getparent().remove(found)
    rest.attrib.clear()
    return etree.tostring(rest, method="c14n"), members


def assert_equal(advanced: Snapshot, parsed: Snapshot) -> None:
    """That a snapshot which was brought forward knows what one that was parsed knows."""
    assert advanced.version == parsed.version
    assert advanced.config_digest == parsed.config_digest
    assert list(advanced.lines.items()) == list(parsed.lines.items())
    assert list(advanced.ids) == list(parsed.ids)
    assert advanced.tickets == parsed.tickets
    for name in ("container", "derived", "made_from", "resources", "tags", "constraints", "borrowing", "tickets"):
        assert getattr(advanced.references, name) == getattr(parsed.references, name)
    for name in parsed.references.tickets:
        assert closure(advanced, name).canonical == closure(parsed, name).canonical
        assert owned_ids(advanced, name) == owned_ids(parsed, name)
