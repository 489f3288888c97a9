"""The Debian packages, built and installed once for the whole run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.installation import copy_tree, make
from tests.lab import requirements
from tests.packages.machine import Machine, debootstrap, finished, install

COMMANDS = ("dpkg-buildpackage", "dh", "mmdebstrap", "lintian", "unshare", "nsenter", "ip")
PACKAGES = "build-essential debhelper mmdebstrap lintian util-linux iproute2"


@dataclass(frozen=True, slots=True)
class Built:
    """The packages, what dpkg-buildpackage says of them, and a root directory in which they are installed."""

    agent: Path
    console: Path
    changes: Path
    root: Path

    @property
    def packages(self) -> tuple[Path, Path]:
        """Both files."""
        return self.agent, self.console


@pytest.fixture(scope="session")
def built() -> Iterator[Built]:
    """The packages as `make deb` makes them, installed in a Debian that has nothing else. Nobody may change it."""
    requirements.require(COMMANDS, root=True, packages=PACKAGES)
    # Not pytest's own directory, where apt's own user may not look.
    with tempfile.TemporaryDirectory(prefix="qmfagent-packages-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        debian = debootstrap(folder / "root")
        try:
            tree = copy_tree(folder / "source")
            # As tight as they are made for others they take a quarter of a minute longer.
            make(tree, "deb", DPKG_DEB_COMPRESSOR_LEVEL="0")
            finished(debian, "mmdebstrap")
        finally:
            debian.kill()
            debian.wait()
        products = tree / "build" / "deb"
        (agent,), (console,) = products.glob("qmfagent_*.deb"), products.glob("qmfagent-console_*.deb")
        (changes,) = products.glob("*.changes")
        install(folder / "root", [agent, console])
        yield Built(agent, console, changes, folder / "root")


@pytest.fixture
def machine(built: Built, tmp_path: Path) -> Iterator[Machine]:
    """A machine on which the packages have just been installed, the test's own."""
    with Machine(built.root, tmp_path) as made:
        yield made
