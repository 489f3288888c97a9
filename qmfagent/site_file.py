"""A site's own rules: read from disk, and put into effect on what other sites publish.

Rules of this file: the files are read anew every time, so that a mended one counts at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.mangling.explain import Stage, site_stages
from qmfagent.cib.mangling.incremental import Memory, mangle_again
from qmfagent.cib.mangling.mangle import Mangled, SiteRules
from qmfagent.cib.mangling.overrides import parse_site_file
from qmfagent.cib.mangling.transform import Stylesheet
from qmfagent.cib.ticket import TicketState
from qmfagent.errors import SiteFileError, TransformError
from qmfagent.sandbox import transform_limited

# What a person writes is far smaller; TOML and XSLT take their time with more.
_MAX_BYTES = 1024 * 1024


class SiteMangler:
    """Makes publications fit for this site. It may be called from several threads at a time."""

    def __init__(self, path: Path | None, xslt: Sequence[Path] = ()) -> None:
        """`path` is the site file, if there is one; `xslt` are steps that take the place of those it lists."""
        self._path = path
        self._xslt = tuple(xslt)
        self._memories: dict[str, Memory] = {}

    def __call__(self, source: Closure, tickets: Mapping[str, TicketState]) -> Mangled:
        """The closure as this site has it; `tickets` are their states here.

        Raises SiteFileError, TransformError, and CibError where its ticket rules can't be settled.
        """
        memory = self._memories.get(source.ticket)
        mangled, self._memories[source.ticket] = mangle_again(memory, source, tickets, self.rules(), transform_limited)
        return mangled

    def stages(self, identifier: str, source: Closure, tickets: Mapping[str, TicketState]) -> list[Stage]:
        """The element of that id after each of this site's steps on its way from a published closure. Raises as a call does."""
        return list(site_stages(identifier, source, tickets, self.rules(), transform_limited))

    def rules(self) -> SiteRules:
        """The site's rules as they stand in the files now. Raises SiteFileError and TransformError."""
        return read_site_rules(self._path, self._xslt)

    def asking(self, names: Iterable[str]) -> list[str]:
        """The tickets whose publication, as it was seen last, asks for the state of one of these tickets."""
        asked = frozenset(names)
        return sorted(ticket for ticket, memory in self._memories.items() if asked & memory.states.keys())


def read_site_rules(path: Path | None, xslt: Sequence[Path] = ()) -> SiteRules:
    """The rules in a site file, none where there is no file; `xslt` are steps that take the place of those it lists.

    Raises SiteFileError and TransformError.
    """
    named = tuple(map(_read_step, xslt))
    if path is None:
        return SiteRules(steps=named)
    try:
        data = read_bounded(path, _MAX_BYTES)
    except OSError as error:
        raise SiteFileError(f"{path}: {error.strerror}", hint="check its name and permissions") from None
    if len(data) > _MAX_BYTES:
        raise SiteFileError(f"{path}: it has more than the {_MAX_BYTES:,} bytes that are accepted")
    site = parse_site_file(data, str(path))
    return SiteRules(str(path), site, named or tuple(_read_step(path.parent / step) for step in site.xslt))


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
