"""One table of a TOML file, read key by key.

Rules of this file: every key is known or an error; every error names the file, the table and the key, and what would be
right. Relative paths are relative to the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qmfagent.errors import ConfigError


class Table:
    """One table. `where` names it as it is written in the file, such as `[listen]`; it is empty for the file's own keys."""

    def __init__(self, file: Path, where: str, content: Mapping[str, Any]) -> None:
        self.file = file
        self.where = where
        self._content = content

    @classmethod
    def read(cls, file: Path) -> Table:
        """The table that a file is. Raises ConfigError where it can't be read or is no TOML."""
        try:
            return cls(file, "", tomllib.loads(file.read_bytes().decode()))
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}", hint="check its name and permissions") from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{file}: no valid TOML: {error}") from None

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def names(self) -> list[str]:
        """The keys that are there, in the order of the file."""
        return list(self._content)

    def only(self, *known: str) -> None:
        """Raise ConfigError for a key that is none of these."""
        unknown = sorted(self._content.keys() - set(known))
        if unknown:
            at = f" in {self.where}" if self.where else ""
            raise self.error(f"unknown key {unknown[0]!r}{at}", f"known: {', '.join(sorted(known))}")

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty; without default the key must be there. Raises ConfigError."""
        if key not in self._content:
            if default is None:
                raise self.error(f"{self.where or 'the file'} has no {key!r}", f'add {key} = "..."')
            return default
        value = self._content[key]
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "put some text in quotes", ", not a text")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of texts, empty where the key is not there. Raises ConfigError."""
        values = self._content.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            raise self.wrong(key, 'such as ["one", "two"]', ", not a list of texts")
        return values

    def text_or_texts(self, key: str) -> list[str]:
        """One text or a list of them, empty where the key is not there. Raises ConfigError."""
        return [self.text(key)] if isinstance(self._content.get(key), str) else self.texts(key)

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """One of a few words. Raises ConfigError."""
        value = self.text(key, default)
        if value not in allowed:
            raise self.wrong(key, f"it is {' or '.join(map(repr, allowed))}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """true or false. Raises ConfigError."""
        value = self._content.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "it is true or false, without quotes")
        return value

    def number(self, key: str, default: int, least: int, most: int, unit: str = "") -> int:
        """A whole number within bounds; `unit` is named in the error. Raises ConfigError."""
        value = self._content.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            of = f" of {unit}" if unit else ""
            raise self.wrong(key, f"it is a number{of} from {least} to {most}")
        return value

    def share(self, key: str, default: float) -> float:
        """A number from 0 to 1. Raises ConfigError."""
        value = self._content.get(key, default)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
            raise self.wrong(key, "it is a number from 0 to 1, such as 0.1")
        return float(value)

    def seconds(self, key: str, default: int) -> int:
        """A number of seconds, up to an hour. Raises ConfigError."""
        return self.number(key, default, 1, 3600, "seconds")

    def path(self, key: str) -> Path:
        """A path, which must be given. Raises ConfigError."""
        return self.file.parent / self.text(key)

    def optional_path(self, key: str) -> Path | None:
        """A path, None where the key is not there. Raises ConfigError."""
        return self.path(key) if key in self._content else None

    def table(self, key: str) -> Table:
        """The table below this one, empty where it is not there. Raises ConfigError."""
        content = self._content.get(key, {})
        if not isinstance(content, dict):
            raise self.error(f"{key!r} is {content!r}, not a table", f"write [{self._below(key)}] above its keys")
        return Table(self.file, f"[{self._below(key)}]", content)

    def tables(self, key: str) -> Iterator[Table]:
        """The tables of an array of tables. Raises ConfigError."""
        contents = self._content.get(key, [])
        if not isinstance(contents, list) or not all(isinstance(content, dict) for content in contents):
            raise self.error(f"{key!r} is not a list of tables", f"write [[{self._below(key)}]] above the keys of each")
        return (Table(self.file, f"[[{self._below(key)}]]", content) for content in contents)

    def _below(self, key: str) -> str:
        """The name of a table below this one, as TOML has it."""
        return f"{self.where.strip('[]')}.{key}" if self.where else key

    def wrong(self, key: str, hint: str, what: str = "") -> ConfigError:
        """The error that a key has a value which it can't have."""
        return self.error(f"{key!r} in {self.where or 'the file'} is {self._content.get(key)!r}{what}", hint)

    def error(self, message: str, hint: str) -> ConfigError:
        """An error that names the file."""
        return ConfigError(f"{self.file}: {message}", hint=hint)
