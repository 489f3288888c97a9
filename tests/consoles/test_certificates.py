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
    refused = await qmfconsole(*given, "sites", at=[site])
    assert refused.status == 4
    assert "TLS failed: certificate verify failed" in refused.err
    for name in SHOWN:
        monkeypatch.setenv(f"QMFCONSOLE_{name.upper()}", str(getattr(ours, name)))
    assert (await qmfconsole("--peer-name", "sitea.example", "sites", at=[site])).status == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--ca", "ca.pem"),
        ("--ca", "ca.pem", "--key", "a.key", "--user", "bob", "--password-file", "password"),
        ("--user", "bob"),
        ("--password-file", "password"),
    ],
)
async def test_what_does_not_belong_together_is_wrong_usage(
    qmfconsole: Any, options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").write_text("open sesame")
    (tmp_path / "password").chmod(0o600)
    outcome = await qmfconsole("--url", "amqps://here", *options, "sites")
    assert outcome.status == 64
    assert "belong together" in outcome.err


async def test_a_password_is_not_sent_unencrypted(qmfconsole: Any, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame")
    file.chmod(0o600)
    outcome = await qmfconsole("--url", "amqp://192.0.2.1", "--user", "bob", "--password-file", str(file), "sites")
    assert outcome.status == 1
    assert "unencrypted" in outcome.err
    assert "open sesame" not in outcome.err
