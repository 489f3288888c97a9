from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qmfagent.errors import ClusterError
from qmfagent.pacemaker import atomic


def test_the_content_is_replaced_and_the_mode_kept(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    path.write_text("old")
    path.chmod(0o640)
    before = atomic.signature(path)
    atomic.replace(path, b"new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)
    assert atomic.signature(path) != before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away: sudo make test")
def test_the_owner_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    path.write_text("old")
    os.chown(path, 65534, 65534)
    atomic.replace(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cib.xml"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic.replace(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic.replace(tmp_path / "cib.xml", b"new")
    assert list(tmp_path.iterdir()) == []


def test_the_lock_keeps_others_out_and_ends_with_its_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_LOCK_SECONDS", 0.1)
    path = tmp_path / "cib.xml"
    code = (
        "import sys; from pathlib import Path; from qmfagent.pacemaker import atomic\n"
        "with atomic.locked(Path(sys.argv[1])): print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path.cwd()
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(ClusterError, match="locked by another"), atomic.locked(path):
            pass
        other.kill()
    with atomic.locked(path):
        pass
