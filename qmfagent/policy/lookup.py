"""Finding what is secret in a large configuration without a walk through all of it.

Rules of this file: one member of a configuration is read at a time, since most changes are in one. Where anything in the
configuration borrows by id-ref, which can make a secret of something far away, all of it is looked at, once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.snapshot import Snapshot
from qmfagent.policy.secret_places import Place, secret_places
from qmfagent.policy.secrets import Secrets

_MEMBER = re.compile(r"/cib/configuration/(?:resources|constraints|tags)/[\w-]+\[@id='([^']*)'\](.*)", re.DOTALL)
_SECTION = re.compile(r"/cib/configuration(?:/([\w-]+)(.*))?", re.DOTALL)

Key = tuple[str, str | None, str]
"""The tag and id of an element, and the name of an attribute."""

_Judged = tuple[etree._Element, Mapping[etree._Element, set[str]]]
# A part of the configuration, and the secret attributes of the elements in it.


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration: the canonical lines of its members by id, and all of it where that is asked for."""

    lines: Mapping[str, bytes]
    whole: Callable[[], etree._Element]
    borrowing: bool

    @classmethod
    def of_snapshot(cls, snapshot: Snapshot) -> Source:
        """The configuration of a snapshot."""
        return cls(snapshot.lines, lambda: snapshot.configuration, snapshot.references.borrowing)

    @classmethod
    def of_closure(cls, closure: Closure) -> Source:
        """What is in a closure."""
        borrowing = any(b" id-ref=" in line for line in closure.lines.values())
        return cls(closure.lines, lambda: next(closure.document.iterchildren("configuration")), borrowing)


class Lookup:
    """Tells what is secret in one source."""

    def __init__(self, source: Source, secrets: Secrets) -> None:
        self._source = source
        self._secrets = secrets
        self._read: dict[str, _Judged | None] = {}

    @property
    def borrowing(self) -> bool:
        """Whether anything in the source borrows by id-ref."""
        return self._source.borrowing

    def has(self, member: str) -> bool:
        """Whether the source has a member of that id."""
        return member in self._source.lines

    def template(self, name: str) -> etree._Element | None:
        """The template of that name, where there is one."""
        line = self._source.lines.get(name)
        return None if line is None else document.parse_element(line)

    def at(self, path: str) -> set[str] | None:
        """The secret attributes of the element at a path of Pacemaker's; None where it can't be found."""
        member = _MEMBER.fullmatch(path)
        section = _SECTION.fullmatch(path)
        if section is None:
            return None
        if self._source.borrowing or section[1] is None:
            inner, read = path.removeprefix("/cib/configuration"), self._section("")
        elif member:
            inner, read = member[2], self._member(member[1])
        else:
            inner, read = section[2], self._section(section[1])
        if read is None:
            return None
        root, secret = read
        try:
            found = root.find(f".{inner}") if inner else root
        except (SyntaxError, KeyError):
            return None
        return None if found is None else secret.get(found, set())

    def named(self, members: Iterable[str]) -> Iterator[Key]:
        """What is secret in some members."""
        reads = [self._section("")] if self._source.borrowing else [self._member(member) for member in members]
        for read in reads:
            for element, names in read[1].items() if read else ():
                yield from ((str(element.tag), element.get("id"), name) for name in names)

    def _member(self, identifier: str) -> _Judged | None:
        if identifier not in self._read:
            line = self._source.lines.get(identifier)
            self._read[identifier] = None if line is None else self._judged(document.parse_element(line))
        return self._read[identifier]

    def _section(self, name: str) -> _Judged | None:
        """A section of the configuration; all of it where `name` is empty."""
        key = f"/{name}"
        if key not in self._read:
            whole = self._source.whole()
            root = whole.find(name) if name else whole
            self._read[key] = None if root is None else self._judged(root)
        return self._read[key]

    def _judged(self, root: etree._Element) -> _Judged:
        return root, _by_element(secret_places(root, self._secrets, self.template))


def _by_element(places: Iterable[Place]) -> Mapping[etree._Element, set[str]]:
    found: dict[etree._Element, set[str]] = {}
    for element, attribute in places:
        found.setdefault(element, set()).add(attribute)
    return found
