"""Signatures: nothing that was tampered with, replayed or signed by somebody else gets past, and it is checked first."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.mangling.mangle import Mangled
from qmfagent.cib.ticket import Term, TicketState
from qmfagent.cib.version import Version
from qmfagent.errors import Refused
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.publishing.signature import Signer, Verifier, signed_bytes
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.fakes import ACCEPTANCE, SIGNERS, FakeRemotes, MemoryLedger, MemoryStore, publication

SIGNED = SIGNERS["a"].signed(publication())


def refusal(given: Publication, verifier: Verifier = ACCEPTANCE.signers) -> str:
    """The reason that a publication is refused for; empty where it is not."""
    try:
        verifier.check(given)
    except Refused as refused:
        return refused.reason
    return ""


def test_what_a_site_signs_is_accepted_after_its_travel() -> None:
    assert refusal(SIGNED) == ""
    assert refusal(Publication.from_values("T", SIGNED.to_values())) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"ticket": "U"},
        {"site": "b"},
        {"term": Term(0, 2)},
        {"term": Term(1, 1)},
        {"version": Version(0, 6, 0)},
        {"version": Version(0, 5, 1)},
        {"validate_with": "pacemaker-3.8"},
        {"digest": "0" * 64},
        {"signature": base64.b64encode(bytes(64)).decode()},
        {"signature": SIGNED.signature[:-4]},
        {"signature": SIGNED.signature + "AAAA"},
        {"signature": "\N{SNOWMAN}"},
        {"signature": " " + SIGNED.signature},
    ],
)
def test_whatever_is_tampered_with_is_noticed(changes: dict[str, Any]) -> None:
    assert refusal(replace(SIGNED, **changes)) == "bad-signature"


def test_every_value_but_the_document_is_signed_and_that_by_its_digest() -> None:
    fields = set(Publication.__dataclass_fields__) - {"signature", "xml", "base", "removed"}
    others = {"ticket": "U", "site": "b", "term": Term(9, 9), "version": Version(9, 9, 9)}
    for name in fields:
        assert signed_bytes(replace(SIGNED, **{name: others.get(name, "x")})) != signed_bytes(SIGNED)
    with pytest.raises(Exception, match="digest"):
        replace(SIGNED, xml=SIGNED.xml.replace(b"10.1.0.10", b"6.6.6.6")).closure()


@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
def test_no_two_publications_have_the_same_bytes(a: str, b: str, c: str, d: str) -> None:
    one, other = (replace(SIGNED, ticket=t, site=s) for t, s in ((a, b), (c, d)))
    assert (signed_bytes(one) == signed_bytes(other)) == ((a, b) == (c, d))


def test_what_bears_no_signature_is_refused_by_name() -> None:
    assert refusal(publication()) == "unsigned"


def test_a_site_whose_key_is_not_known_has_nothing_to_say() -> None:
    stranger = Signer(Ed25519PrivateKey.generate()).signed(replace(publication(), site="z"))
    assert refusal(stranger) == refusal(replace(stranger, signature="")) == "unknown-signer"
    assert refusal(SIGNED, Verifier({})) == "unknown-signer"


def test_one_site_does_not_sign_for_another() -> None:
    assert refusal(SIGNERS["b"].signed(publication())) == "bad-signature"


# -- in the applier


class Receiver:
    """Site b, which is given what it is told to be given."""

    def __init__(self, given: Publication, *others: str) -> None:
        self.remotes = FakeRemotes(published={"a": given, **{site: publication(site) for site in others}})
        self.remotes.hold("a")
        self.store = MemoryStore(TARGET)
        self.mangled = 0
        self.applier = Applier("b", self.store, self.remotes, self.mangle, MemoryLedger(), ACCEPTANCE)

    def mangle(self, source: Closure, tickets: Mapping[str, TicketState]) -> Mangled:
        self.mangled += 1
        return Mangled(source)

    async def reason(self) -> str:
        try:
            await self.applier.plan("T")
        except Refused as refused:
            return refused.reason
        return ""


async def test_it_is_verified_before_the_document_is_read() -> None:
    for tampered, reason in (
        (replace(SIGNED, xml=b"<evil", digest="x"), "bad-signature"),
        (replace(SIGNED, version=Version(9, 9, 9), xml=b"<evil"), "bad-signature"),
    ):
        receiver = Receiver(tampered)
        assert await receiver.reason() == reason
        assert receiver.mangled == 0
        assert receiver.applier.source("T").digest == ""


async def test_a_publication_of_another_ticket_is_not_taken_for_this_one() -> None:
    """The ticket is that which was asked for, whatever the signature was made for."""
    of_other = SIGNERS["a"].signed(replace(publication(), ticket="U"))
    assert await Receiver(replace(of_other, ticket="T")).reason() == "bad-signature"


async def test_an_older_one_is_not_taken_again() -> None:
    newer = publication(version=6, cib=SOURCE.replace(b"10.1.0.10", b"10.1.0.11"))
    receiver = Receiver(newer)
    prepared = await receiver.applier.plan("T")
    await receiver.applier.apply(prepared.plan.token, "CN=admin")
    receiver.remotes.published["a"] = SIGNED
    assert await receiver.reason() == "stale"


async def test_the_version_of_an_old_one_cannot_be_raised() -> None:
    assert await Receiver(replace(SIGNED, version=Version(0, 99, 0))).reason() == "bad-signature"
