"""What `qmfagent certs` makes: how it is stored, and held to path validation."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from qmfagent.errors import ConfigError
from qmfagent.keys import certs
from qmfagent.keys.command import certs_command

NOW = datetime.now(UTC).replace(microsecond=0)


def make(*arguments: str) -> str:
    outcome = CliRunner().invoke(certs_command, arguments)
    if outcome.exception and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "certs"


@pytest.fixture
def paris(directory: Path) -> Callable[..., str]:
    def go(*more: str) -> str:
        hosts = ("--host", "paris.example.com", "--host", "192.0.2.7", "--host", "2001:db8::7")
        return make("--out", str(directory), "--site", "paris", *hosts, *more)

    return go


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def policy(directory: Path) -> PolicyBuilder:
    return PolicyBuilder().store(Store([certificate(directory / "ca.pem")])).time(datetime.now(UTC))


# -- what is in them -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "subject",
    [
        x509.DNSName("paris.example.com"),
        x509.DNSName("paris"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
    ],
    ids=str,
)
def test_a_sites_certificate_is_valid_for_each_of_its_hosts(directory: Path, paris: Any, subject: Any) -> None:
    paris()
    chain = policy(directory).build_server_verifier(subject).verify(certificate(directory / "paris.pem"), [])
    assert [each.subject.rfc4514_string() for each in chain] == ["CN=paris", "CN=qmfagent-ca"]


def test_a_sites_certificate_is_valid_for_a_client_too(directory: Path, paris: Any) -> None:
    paris()
    policy(directory).build_client_verifier().verify(certificate(directory / "paris.pem"), [])


def test_a_sites_certificate_is_valid_for_no_other_host(directory: Path, paris: Any) -> None:
    paris()
    verifier = policy(directory).build_server_verifier(x509.DNSName("lyon.example.com"))
    with pytest.raises(VerificationError):
        verifier.verify(certificate(directory / "paris.pem"), [])


def test_a_consoles_certificate_can_not_pass_for_a_site(directory: Path) -> None:
    make("--out", str(directory), "--console", "admin")
    found = certificate(directory / "admin.pem")
    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certs.identity_of(found) == "CN=admin"
    with pytest.raises(VerificationError):
        policy(directory).build_server_verifier(x509.DNSName("admin")).verify(found, [])


def test_a_certificate_can_sign_no_other(directory: Path, paris: Any) -> None:
    paris()
    with pytest.raises(ConfigError, match="no certificate of a CA"):
        certs.load_authority((directory / "paris.pem").read_bytes(), (directory / "paris.key").read_bytes(), "paris")


def test_how_long_they_are_good_for(directory: Path, paris: Any) -> None:
    paris("--days", "30")
    found = certificate(directory / "paris.pem")
    assert found.not_valid_before_utc < datetime.now(UTC)
    assert abs(found.not_valid_after_utc - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)


def test_a_certificate_does_not_outlive_its_ca() -> None:
    authority = certs.new_authority("ca", certs.new_key(), NOW, days=10)
    with pytest.raises(ConfigError, match="good for 10 days more"):
        authority.issue("paris", certs.new_key(), NOW, 11, ["paris"], server=True)


@pytest.mark.parametrize("name", ["", "ca", "../paris", "paris\n", "café", "-x", "x" * 65, "two words"])
def test_names_that_can_not_be(directory: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"can't name a certificate|is the CA"):
        make("--out", str(directory), "--console", name)


def test_a_host_of_another_alphabet_is_told_to_be_written_in_ascii(directory: Path) -> None:
    with pytest.raises(ConfigError, match="xn--"):
        make("--out", str(directory), "--site", "lyon", "--host", "café.example")


# -- files ---------------------------------------------------------------------------------------------------------


def test_private_keys_are_their_owners_alone(directory: Path, paris: Any) -> None:
    before = os.umask(0)
    try:
        paris("--console", "admin")
    finally:
        os.umask(before)
    keys = sorted(path.name for path in directory.glob("*.key"))
    assert keys == ["admin.key", "ca.key", "paris.key", "paris.sign.key"]
    assert {stat.S_IMODE((directory / name).stat().st_mode) for name in keys} == {0o600}


def test_the_signing_keys_are_a_pair_in_standard_form(directory: Path, paris: Any) -> None:
    paris()
    private: Any = load_pem_private_key((directory / "paris.sign.key").read_bytes(), None)
    public: Any = load_pem_public_key((directory / "paris.sign.pub").read_bytes())
    public.verify(private.sign(b"a publication"), b"a publication")
    assert (directory / "paris.sign.key").read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert (directory / "paris.sign.pub").read_text().startswith("-----BEGIN PUBLIC KEY-----")


def test_once_more_renews_the_certificate_and_keeps_every_key(directory: Path, paris: Any) -> None:
    paris()
    kept = {path: path.read_bytes() for path in directory.iterdir() if path.name != "paris.pem"}
    before = certificate(directory / "paris.pem")
    assert "made the CA" not in paris()
    after = certificate(directory / "paris.pem")
    assert {path: path.read_bytes() for path in kept} == kept
    assert before.serial_number != after.serial_number
    assert before.public_key() == after.public_key()


def test_a_signing_key_that_was_moved_to_its_site_is_not_made_anew(directory: Path, paris: Any) -> None:
    paris()
    (directory / "paris.sign.key").unlink()
    paris()
    assert not (directory / "paris.sign.key").exists()


def test_a_ca_from_elsewhere_signs(directory: Path, paris: Any, tmp_path: Path) -> None:
    paris()
    other = tmp_path / "other"
    make("--out", str(other), "--console", "admin", "--ca", str(directory / "ca.pem"))
    policy(directory).build_client_verifier().verify(certificate(other / "admin.pem"), [])
    assert (other / "ca.pem").read_bytes() == (directory / "ca.pem").read_bytes()
    assert not (other / "ca.key").exists()


def test_a_ca_whose_key_is_kept_elsewhere_is_told_of(directory: Path, paris: Any) -> None:
    paris()
    (directory / "ca.key").unlink()
    with pytest.raises(ConfigError, match=r"ca\.key; bring it"):
        paris()


def test_two_cas_are_not_mixed(directory: Path, paris: Any, tmp_path: Path) -> None:
    paris()
    other = tmp_path / "other"
    make("--out", str(other), "--console", "admin")
    with pytest.raises(ConfigError, match="another CA"):
        make("--out", str(other), "--console", "root", "--ca", str(directory / "ca.pem"))


@pytest.mark.parametrize("name", ["paris", "admin"])
def test_nobody_gets_the_name_of_another_kind(directory: Path, paris: Any, name: str) -> None:
    paris("--console", "admin")
    other = ("--console", name) if name == "paris" else ("--site", name, "--host", "x")
    with pytest.raises(ConfigError, match="already"):
        make("--out", str(directory), *other)


@pytest.mark.parametrize("arguments", [(), ("--site", "paris"), ("--host", "x", "--console", "y")])
def test_wrong_usage(directory: Path, arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(certs_command, ["--out", str(directory), *arguments]).exit_code == 2


def test_the_ca_key_is_to_be_kept_apart(paris: Any) -> None:
    assert re.search(r"made the CA .*\n?.*off-line", paris())


def test_a_site_that_is_reached_by_its_address_alone_gets_a_certificate_name(directory: Path) -> None:
    said = make("--out", str(directory), "--site", "lyon", "--host", "2001:db8::8")
    assert 'url = "amqps://[2001:db8::8]:5671"\ncertificate_name = "lyon"' in said
