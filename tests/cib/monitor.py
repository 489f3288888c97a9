"""What Pacemaker's own tool makes of a CIB."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from lxml import etree


def crm_mon(folder: Path, cib: bytes, *options: str) -> etree._Element:
    """The XML that crm_mon shows of a CIB, which is put into a file in `folder`."""
    path = folder / "cib.xml"
    path.write_bytes(cib)
    command = ["crm_mon", "--one-shot", "--inactive", "--output-as=xml", *options]
    shown = subprocess.run(command, env={**os.environ, "CIB_file": str(path)}, capture_output=True, check=True)
    result = etree.fromstring(shown.stdout)
    assert result.find("nodes") is not None, shown.stdout.decode()
    return result
