"""Making a publication fit for one site: overrides first, then the XSLT steps.

Rules of this file: the order is fixed, and CIB rules (`#site-name`, `#cluster-name`) travel as they are, for Pacemaker to
evaluate at each site. What comes out must still be a closure of the same ticket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qmfagent.cib.closure import Closure, from_document
from qmfagent.cib.overrides import OverrideUse, SiteFile, override
from qmfagent.cib.transform import Stylesheet, Transformer
from qmfagent.errors import CibError, SiteFileError, TransformError


def mangle(
    source: Closure, site: SiteFile, name: str, steps: Sequence[Stylesheet], transformer: Transformer
) -> tuple[Closure, tuple[OverrideUse, ...]]:
    """The closure as the site has it, and what each override did.

    `name` is the site file's; `steps` are its XSLT steps, read. Raises SiteFileError, and TransformError where a step
    fails or its result is no closure of the ticket any more.
    """
    mangled, uses = override(source, site.overrides, name)
    lines = [str(use.line) for use in uses if any("/@" in place for place in use.places)]
    if lines:
        try:
            mangled = _checked(source, mangled.canonical, "what the override makes of the publication")
        except CibError as error:
            raise SiteFileError(f"{name}, line {', '.join(lines)}: {error.message}", hint=error.hint) from None
    if steps:
        result = transformer(steps, mangled.canonical)
        try:
            mangled = _checked(source, result, f"the result of {steps[-1].name}")
        except CibError as error:
            raise TransformError(error.message, hint=error.hint) from None
    return mangled, uses


def _checked(source: Closure, data: bytes, name: str) -> Closure:
    found = from_document(source.ticket, data, name)
    if source.lines and not found.lines:
        raise CibError(f"{name} is empty", hint="a site can change a publication, not withdraw it")
    return replace(found, boundaries=source.boundaries)
