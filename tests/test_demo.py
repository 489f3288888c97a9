"""`make demo` does what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_demo_runs_to_its_end() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.demo"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "7. The web service moves" in done.stdout
    assert "holder: paris holds ticket 'db-ticket' itself" in done.stdout
    assert "Try next:" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
