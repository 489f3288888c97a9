"""Reads a site file and its XSLT steps from disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qmfagent.cib.closure import Closure
from qmfagent.cib.mangle import mangle
from qmfagent.cib.overrides import OverrideUse, SiteFile, parse_site_file
from qmfagent.cib.transform import Stylesheet
from qmfagent.errors import SiteFileError, TransformError
from qmfagent.sandbox import transform_limited


@dataclass(frozen=True, slots=True)
class SiteRules:
    """A site's overrides and XSLT steps, ready to be put into effect."""

    name: str
    site: SiteFile
    steps: tuple[Stylesheet, ...]

    def mangle(self, source: Closure) -> tuple[Closure, tuple[OverrideUse, ...]]:
        """The closure as this site has it, and what each override did. Raises SiteFileError and TransformError."""
        return mangle(source, self.site, self.name, self.steps, transform_limited)


def read_site_rules(path: Path | None) -> SiteRules:
    """The rules in a site file; none where there is no file. Raises SiteFileError and TransformError."""
    if path is None:
        return SiteRules("no site file", SiteFile(), ())
    try:
        site = parse_site_file(path.read_bytes(), str(path))
    except OSError as error:
        raise SiteFileError(f"{path}: {error.strerror}", hint="check its name and permissions") from None
    return SiteRules(str(path), site, tuple(_read_step(path.parent / step) for step in site.xslt))


def _read_step(path: Path) -> Stylesheet:
    try:
        return Stylesheet(str(path), path.read_bytes())
    except OSError as error:
        raise TransformError(f"{path}: {error.strerror}", hint="name XSLT steps relative to the site file") from None
