"""Paths and revocation of partners' certificates (RFC 5280, RFC 6960), from what is at hand."""

import logging
from datetime import timedelta

import pytest
from asn1crypto import algos
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.x509.oid import NameOID
from pyhanko_certvalidator.policy_decl import AcceptAllAlgorithms
from trustworld import DAY, NOW, Authority

from gateway import logs
from gateway.pki_issue import DevelopmentCa, Request, self_signed
from gateway.trust.path import Registered, assess, authentic
from gateway.trust.rules import PathRules
from gateway.trust.sources import Answer, next_fetch, next_try, read, sources
from gateway.trust.status import Path, Revocation

ROOT = Authority.root(base="http://ca.example")
REGISTERED = Registered.of([ROOT.certificate])
HOUR = timedelta(hours=1)


def crl(authority: Authority, this=NOW - HOUR, life: timedelta = DAY) -> Answer:
    return read("crl", authority.crl(this, life))


def test_a_self_signed_certificate_is_its_own_anchor_by_agreement() -> None:
    own = self_signed(Request(purpose="sign", name="partner")).certificate
    found = assess(own, Registered(), [], NOW)
    assert (found.path, found.revocation, found.test) == (Path.ANKER, Revocation.NICHT_NOETIG, False)


def test_a_certificate_without_a_registered_anchor_has_no_path() -> None:
    issued = ROOT.issue().certificate
    found = assess(issued, Registered(), [], NOW)
    assert (found.path, found.reason) == (Path.OHNE, "aussteller_unbekannt")
    twin = Authority.root()  # the same name, another key
    assert assess(issued, Registered.of([twin.certificate]), [], NOW).path is Path.OHNE


def test_the_path_leads_through_a_registered_intermediate() -> None:
    sub = ROOT.sub()
    issued = sub.issue().certificate
    registered = Registered.of([sub.certificate, ROOT.certificate])
    assert registered.anchors == (ROOT.certificate,)
    assert registered.intermediates == (sub.certificate,)
    assert assess(issued, registered, [], NOW).path is Path.PFAD
    assert assess(issued, REGISTERED, [], NOW).path is Path.OHNE
    alone = Registered.of([sub.certificate])
    assert alone.anchors == (sub.certificate,), "an intermediate alone is what the operator trusts"
    assert assess(issued, alone, [], NOW).path is Path.PFAD


def test_a_certificate_that_may_not_issue_makes_no_path() -> None:
    leaf = ROOT.issue("leaf")
    forged = Authority(leaf.key, leaf.certificate).issue("forged").certificate  # type: ignore[arg-type]
    registered = Registered.of([ROOT.certificate, leaf.certificate])
    found = assess(forged, registered, [], NOW)
    assert found.path is Path.OHNE


def test_an_expired_anchor_is_none() -> None:
    old = Authority.root(end=NOW - HOUR)
    found = assess(old.issue().certificate, Registered.of([old.certificate]), [], NOW)
    assert found.path is Path.OHNE


def test_a_fresh_crl_says_good_until_its_next_update() -> None:
    found = assess(ROOT.issue().certificate, REGISTERED, [crl(ROOT)], NOW)
    assert (found.revocation, found.fresh_until) == (Revocation.GUT, NOW - HOUR + DAY)


def test_a_crl_that_names_the_certificate_withdraws_it() -> None:
    ca = Authority.root()
    issued = ca.issue().certificate
    ca.revoke(issued)
    assert assess(issued, Registered.of([ca.certificate]), [crl(ca)], NOW).revocation is Revocation.GESPERRT
    stale = crl(ca, NOW - HOUR, timedelta(minutes=5))
    assert assess(issued, Registered.of([ca.certificate]), [stale], NOW).revocation is Revocation.GESPERRT


def test_a_withdrawn_intermediate_withdraws_what_it_issued() -> None:
    root = Authority.root()
    sub = root.sub()
    root.revoke(sub.certificate)
    registered = Registered.of([root.certificate, sub.certificate])
    found = assess(sub.issue().certificate, registered, [crl(root), crl(sub)], NOW)
    assert found.revocation is Revocation.GESPERRT


def test_an_old_crl_says_what_was_known_and_until_when() -> None:
    found = assess(ROOT.issue().certificate, REGISTERED, [crl(ROOT, NOW - 3 * DAY)], NOW)
    assert found.revocation is Revocation.GUT
    assert found.fresh_until is not None
    assert abs(found.fresh_until - (NOW - 2 * DAY)) < timedelta(seconds=5)


def test_without_an_answer_the_status_is_unknown_not_revoked() -> None:
    assert assess(ROOT.issue().certificate, REGISTERED, [], NOW).revocation is Revocation.UNBEKANNT


def test_an_answer_by_somebody_else_says_nothing() -> None:
    issued = ROOT.issue().certificate
    twin = Authority.root()
    twin.revoke(issued)
    assert assess(issued, REGISTERED, [crl(twin)], NOW).revocation is Revocation.UNBEKANNT
    both = [crl(twin), crl(ROOT)]
    assert assess(issued, REGISTERED, both, NOW).revocation is Revocation.GUT


def test_a_sibling_cas_crl_says_nothing_about_a_ca() -> None:
    root = Authority.root()
    sub, *siblings = [root.sub(f"Zwischen-CA {n}") for n in range(4)]
    registered = Registered((root.certificate,), tuple(each.certificate for each in (sub, *siblings)))
    issued, theirs = sub.issue().certificate, [crl(each) for each in (sub, *siblings)]
    assert assess(issued, registered, [crl(root), *theirs], NOW).revocation is Revocation.GUT
    assert assess(issued, registered, theirs, NOW).revocation is Revocation.UNBEKANNT
    root.revoke(sub.certificate)
    assert assess(issued, registered, [*theirs, crl(root)], NOW).revocation is Revocation.GESPERRT


def test_a_crl_of_a_cas_next_key_says_nothing_about_the_key_before() -> None:
    root = Authority.root()
    old, new = root.sub(), root.sub()  # one name, two keys
    registered = Registered((root.certificate,), (old.certificate, new.certificate))
    for authority in (old, new):
        found = assess(authority.issue().certificate, registered, [crl(old), crl(new)], NOW)
        assert found.revocation is Revocation.UNBEKANNT
        found = assess(authority.issue().certificate, registered, [crl(root), crl(old), crl(new)], NOW)
        assert found.revocation is Revocation.GUT


def test_freshness_is_that_of_the_answers_that_bear_on_the_certificate() -> None:
    other = Authority.root("Andere CA")
    registered = Registered((ROOT.certificate, other.certificate))
    answers = [crl(other, NOW - HOUR, 2 * HOUR), crl(ROOT)]
    assert assess(ROOT.issue().certificate, registered, answers, NOW).fresh_until == NOW - HOUR + DAY


def test_a_crl_signed_with_sha1_says_nothing() -> None:
    ca = Authority.root(base="http://ca.example")
    weak = read("crl", ca.crl_by_sha1(NOW - HOUR))
    issued = ca.issue().certificate
    assert assess(issued, Registered.of([ca.certificate]), [weak], NOW).revocation is Revocation.UNBEKANNT
    (source,) = sources([issued], [ca.certificate])
    assert not authentic(source, weak, NOW)
    old = PathRules(algorithms=AcceptAllAlgorithms())
    assert assess(issued, Registered.of([ca.certificate]), [weak], NOW, rules=old).revocation is Revocation.GUT


def test_a_path_with_a_dsa_key_is_none() -> None:
    key = dsa.generate_private_key(1024)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Alte CA")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW - DAY, NOW + DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    anchor = builder.sign(key, hashes.SHA256())
    issued = Authority(key, anchor).issue().certificate  # type: ignore[arg-type]
    registered = Registered((anchor,))
    assert assess(issued, registered, [], NOW).path is Path.OHNE
    old = PathRules(algorithms=AcceptAllAlgorithms())
    assert assess(issued, registered, [], NOW, rules=old).path is Path.PFAD


@pytest.mark.parametrize(("name", "admitted"), [("sha256_dsa", False), ("sha1_rsa", False), ("sha256_rsa", True)])
def test_dsa_and_sha1_are_refused_whatever_the_key(name: str, admitted: bool) -> None:
    algorithm = algos.SignedDigestAlgorithm({"algorithm": name})
    assert bool(PathRules().algorithms.signature_algorithm_allowed(algorithm, NOW, None)) is admitted


def test_an_explicit_policy_may_be_asked_for() -> None:
    issued = ROOT.issue().certificate
    assert assess(issued, REGISTERED, [], NOW, rules=PathRules(explicit_policy=True)).path is Path.OHNE


def test_the_library_writes_no_names_of_certificates_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """It warns with finished sentences that name a certificate; of those only their place is written."""
    named = "CN=Beispielstelle"
    library = logging.getLogger("pyhanko_certvalidator.revinfo.validate_crl")
    with caplog.at_level(logging.WARNING):
        library.warning(f"CRL of {named} is stale")
    (record,) = caplog.records
    line = logs.Canonical().format(record)
    assert named not in line
    assert library.name in line


def test_ocsp_says_good_and_revoked() -> None:
    ca = Authority.root(base="http://ca.example", with_ocsp=True)
    good, bad = ca.issue().certificate, ca.issue().certificate
    ca.revoke(bad)
    registered = Registered.of([ca.certificate])
    answers = [read("ocsp", ca.ocsp(good, NOW - HOUR)), read("ocsp", ca.ocsp(bad, NOW - HOUR))]
    assert assess(good, registered, answers, NOW).revocation is Revocation.GUT
    assert assess(bad, registered, answers, NOW).revocation is Revocation.GESPERRT
    assert assess(good, registered, answers[1:], NOW).revocation is Revocation.UNBEKANNT


def test_a_pinned_tls_certificate_needs_no_path_and_is_withdrawn_all_the_same() -> None:
    ca = Authority.root()
    issued = ca.issue().certificate
    assert assess(issued, Registered(), [], NOW, pinned=True).path is Path.ANKER
    assert assess(ca.certificate, Registered(), [], NOW, pinned=True).path is Path.ANKER
    ca.revoke(issued)
    found = assess(issued, Registered.of([ca.certificate]), [crl(ca)], NOW, pinned=True)
    assert found.revocation is Revocation.GESPERRT


def test_what_the_development_ca_issued_is_marked() -> None:
    ca = DevelopmentCa.create()
    issued = ca.issue(Request(purpose="sign", name="partner")).certificate
    assert assess(issued, Registered.of([ca.certificate]), [], NOW).test
    assert assess(issued, Registered(), [], NOW).test
    assert assess(ca.certificate, Registered(), [], NOW).test
    assert not assess(ROOT.issue().certificate, REGISTERED, [], NOW).test


# --- addresses -------------------------------------------------------------------------------------------------------


def test_sources_are_those_that_certificates_name_and_never_the_issuers_address() -> None:
    ca = Authority.root(base="http://ca.example", with_ocsp=True)
    one, two = ca.issue("one").certificate, ca.issue("two").certificate
    found = sources([one, two, ca.certificate], [ca.certificate])
    assert [(each.kind, each.url) for each in found] == [
        ("crl", "http://ca.example/crl"),
        ("ocsp", "http://ca.example/ocsp"),
        ("ocsp", "http://ca.example/ocsp"),
    ]
    assert len({each.id for each in found}) == 3
    assert sources([one], []) == [], "no issuer, no answer that could be trusted"


@pytest.mark.parametrize("base", ["ldap://ca.example", "file:///etc", "http://ca.example/" + "x" * 2000])
def test_other_addresses_are_not_followed(base: str) -> None:
    ca = Authority.root(base=base, with_ocsp=True)
    assert sources([ca.issue().certificate], [ca.certificate]) == []


def test_an_answer_is_authentic_by_the_issuers_word_alone() -> None:
    ca, twin = Authority.root(base="http://ca.example"), Authority.root()
    issued = ca.issue().certificate
    (source,) = sources([issued], [ca.certificate])
    assert authentic(source, crl(ca), NOW)
    assert not authentic(source, crl(twin), NOW)
    ca.revoke(issued)
    assert authentic(source, crl(ca), NOW)


@pytest.mark.parametrize("body", [b"", b"<html>", b"0\x82\xff\xff", b"-----BEGIN X509 CRL-----\n"])
@pytest.mark.parametrize("kind", ["crl", "ocsp"])
def test_what_is_no_answer_is_refused(kind, body: bytes) -> None:
    with pytest.raises(ValueError):
        read(kind, body)


def test_answers_are_fetched_anew_after_half_of_their_life() -> None:
    answer = Answer("crl", b"", NOW, NOW + 4 * HOUR)
    assert next_fetch(answer, NOW) == NOW + 2 * HOUR
    assert next_fetch(answer, NOW + 3 * HOUR) == NOW + 3 * HOUR + timedelta(minutes=5)
    assert next_fetch(Answer("crl", b"", NOW, NOW + 60 * DAY), NOW) == NOW + 12 * HOUR
    waits = [(next_try(n, NOW) - NOW) / timedelta(minutes=1) for n in (1, 2, 3, 7, 50)]
    assert waits == [1, 2, 4, 60, 60]
