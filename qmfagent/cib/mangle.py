"""Making a publication fit for one site: overrides first, then the XSLT steps.

Rules of this file: the order is fixed, and CIB rules (`#site-name`, `#cluster-name`) travel as they are, for Pacemaker to
evaluate at each site. What comes out must still be a closure of the same ticket.
"""

from __future__ import annotations

from collections.abc import Sequence

from qmfagent.cib.closure import Closure, from_document
from qmfagent.cib.overrides import OverrideUse, SiteFile, override
from qmfagent.cib.transform import Stylesheet, Transformer
from qmfagent.errors import CibError, TransformError


def mangle(
    source: Closure, site: SiteFile, name: str, steps: Sequence[Stylesheet], transformer: Transformer
) -> tuple[Closure, tuple[OverrideUse, ...]]:
    """The closure as the site has it, and what each override did.

    `name` is the site file's; `steps` are its XSLT steps, read. Raises SiteFileError, and TransformError where a step
    fails or its result is no closure of the ticket any more.
    """
    mangled, uses = override(source, site.overrides, name)
    if any("/@" in place for use in uses for place in use.places):
        mangled = _checked(source, mangled.canonical, f"what {name} makes of the publication")
    if steps:
        result = transformer(steps, mangled.canonical)
        mangled = _checked(source, result, f"the result of {steps[-1].name}")
    return mangled, uses


def _checked(source: Closure, data: bytes, name: str) -> Closure:
    try:
        found = from_document(source.ticket, data, name)
    except CibError as error:
        raise TransformError(error.message, hint=error.hint) from None
    return Closure(found.ticket, found.sections, source.boundaries)
