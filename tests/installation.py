"""qmfagent as `make install` puts it on a machine, in a directory that stands for that machine's root.

Rules of this file: made from a copy of the tree, as an administrator does it, with Debian's own Python, since everybody may run
that. Its paths are those without the directory: to be run, it has to be mounted where it believes to be.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
PREFIX = "/srv/qmfagent"
"""Where it believes to be: below a directory that every machine has, and that is empty."""

_OCF = Path("/usr/lib/ocf")


def copy_tree(target: Path) -> Path:
    """Copy the tree without what an earlier build left in it, which setuptools would put into a package, too: the copy."""
    leave = shutil.ignore_patterns(
        ".git", ".venv", ".*cache", ".hypothesis", "build", "dist", "*.egg-info", "__pycache__"
    )
    shutil.copytree(ROOT, target, symlinks=True, ignore=leave)
    return target


def make(tree: Path, *arguments: str, **variables: str) -> None:
    """Run make there, with Debian's own Python, and these variables in its environment. AssertionError with its words where it
    fails."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")} | variables
    done = subprocess.run(
        ["make", *arguments, "PYTHON=/usr/bin/python3"],
        cwd=tree, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


class Installation:
    """What `make install` made. `root` stands for the root directory."""

    def __init__(self, folder: Path) -> None:
        """Install it below `folder`, which all users may read. AssertionError with the words of what failed."""
        self.root = folder / "root"
        make(copy_tree(folder / "source"), "install", f"DESTDIR={self.root}", f"PREFIX={PREFIX}")

    def at(self, path: str) -> Path:
        """Where a file is that is at `path` on the machine."""
        return self.root / path.lstrip("/")

    def binds(self) -> list[tuple[Path, str]]:
        """Directories and where they have to be mounted, for a machine to have this installation beside what it has anyway."""
        together = self.root.with_name("ocf")
        for source in (_OCF, self.at(str(_OCF))):
            shutil.copytree(source, together, symlinks=True, dirs_exist_ok=True)
        return [(self.at("/srv"), "/srv"), (together, str(_OCF))]
