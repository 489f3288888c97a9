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

# What a person writes is far smaller; TOML and XSLT take their time with more.
_MAX_BYTES = 1024 * 1024


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
        data = read_bounded(path, _MAX_BYTES)
    except OSError as error:
        raise SiteFileError(f"{path}: {error.strerror}", hint="check its name and permissions") from None
    if len(data) > _MAX_BYTES:
        raise SiteFileError(f"{path}: it has more than the {_MAX_BYTES:,} bytes that are accepted")
    site = parse_site_file(data, str(path))
    return SiteRules(str(path), site, tuple(_read_step(path.parent / step) for step in site.xslt))


def read_bounded(path: Path, limit: int) -> bytes:
    """What a file holds, but no more than one byte over `limit`, so that no device or huge file fills the memory.

    Raises OSError.
    """
    with path.open("rb") as file:
        return file.read(limit + 1)


def _read_step(path: Path) -> Stylesheet:
    try:
        data = read_bounded(path, _MAX_BYTES)
    except OSError as error:
        raise TransformError(f"{path}: {error.strerror}", hint="name XSLT steps relative to the site file") from None
    if len(data) > _MAX_BYTES:
        raise TransformError(f"{path}: it has more than the {_MAX_BYTES:,} bytes that are accepted")
    return Stylesheet(str(path), data)
