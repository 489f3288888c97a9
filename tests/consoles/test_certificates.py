"""The command with certificates, by option and by environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import CertificateAuthority

SHOWN = ("certificate", "key", "ca")


async def test_certificates_open_an_amqps_url(
    make_site: Callable[..., Any], qmfconsole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = CertificateAuthority(tmp_path, "ca")
    site = await make_site("sitea", tls=authority.issue("sitea", host="sitea.example"))
    ours = authority.issue("operator")
    given = [part for name in SHOWN for part in (f"--{name}", str(getattr(ours, name)))]
    outcome = await qmfconsole(*given, "--peer-name", "sitea.example", "sites", at=[site])
    assert (outcome.status, outcome.err) == (0, "")
    refused = await qmfconsole(*given, "sites", at=[site], timeout=1)
    assert refused.status == 4
    assert "TLS failed: certificate verify failed" in refused.err
    for name in SHOWN:
        monkeypatch.setenv(f"QMFCONSOLE_{name.upper()}", str(getattr(ours, name)))
    assert (await qmfconsole("--peer-name", "sitea.example", "sites", at=[site])).status == 0
