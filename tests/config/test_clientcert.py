"""A certificate that a proxy passes on: read as RFC 9440 says, and validated as if it had come by TLS."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from gateway.clientcert import CERTIFICATE_BYTES, CHAIN, validated
from gateway.config import ConfigError, parse
from gateway.errors import Forbidden, Malformed, Refusal, Unauthenticated
from gateway.pki_issue import DevelopmentCa, Request, self_signed

CA = DevelopmentCa.create()
PAIR = CA.issue(Request(purpose="tls", name="gds:R8088"))
NOW = datetime.now(UTC)


def field(certificate: x509.Certificate) -> str:
    return f":{base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()}:"


GOOD = field(PAIR.certificate)


def ask(shown: Sequence[str], chain: Sequence[str] = (), at: datetime = NOW) -> str:
    return validated(shown, chain, [CA.certificate], at)


def test_a_certificate_of_our_ca_is_its_digest() -> None:
    assert ask([GOOD]) == ask([f" {GOOD}  "]) == PAIR.sha256


def test_none_is_401() -> None:
    with pytest.raises(Unauthenticated):
        ask([])


@pytest.mark.parametrize(
    "shown",
    [
        [GOOD, GOOD],
        [f"{GOOD}, {GOOD}"],
        [""],
        ["::"],
        [":" + "=" * 4 + ":"],
        [GOOD.strip(":")],
        [GOOD + ";a=1"],
        [f'"{GOOD}"'],
        [":%:"],
        [GOOD[:-2] + ":"],
        [":" + base64.b64encode(b"no certificate").decode() + ":"],
        [":" + base64.b64encode(PAIR.certificate.public_bytes(Encoding.DER) + b"\0").decode() + ":"],
        [":" + base64.b64encode(PAIR.certificate.public_bytes(Encoding.DER)[:-1]).decode() + ":"],
        [":" + base64.b64encode(PAIR.certificate.public_bytes(Encoding.PEM)).decode() + ":"],
        [":" + "A" * 4 * CERTIFICATE_BYTES + ":"],
        [":\udcff:"],
    ],
)
def test_another_form_is_400(shown: list[str]) -> None:
    with pytest.raises(Malformed) as refused:
        ask(shown)
    assert refused.value.code == "client_cert"


@pytest.mark.parametrize(
    "chain", [[""], [","], ["x"], [GOOD + ","], [GOOD, ""], [", ".join([GOOD] * (CHAIN + 1))], [f"{GOOD};a"]]
)
def test_an_odd_chain_is_400(chain: list[str]) -> None:
    with pytest.raises(Malformed):
        ask([GOOD], chain)


def test_a_chain_that_leads_nowhere_else_does_no_harm() -> None:
    assert ask([GOOD], [field(CA.twin().certificate), f"{field(CA.certificate)}, {GOOD}"]) == PAIR.sha256


def issued(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, ca: DevelopmentCa = CA, **window: datetime) -> str:
    now = NOW - timedelta(days=1)
    builder = (
        x509.CertificateBuilder(
            issuer_name=ca.certificate.subject, subject_name=PAIR.certificate.subject, public_key=key.public_key()
        )
        .serial_number(x509.random_serial_number())
        .not_valid_before(window.get("ab", now))
        .not_valid_after(window.get("bis", NOW + timedelta(days=1)))
    )
    for extension in PAIR.certificate.extensions:
        if not isinstance(extension.value, x509.SubjectKeyIdentifier):
            builder = builder.add_extension(extension.value, extension.critical)
    return field(builder.sign(ca.key, hashes.SHA256()))


P256 = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (field(CA.issue_expired("tls", "gds:R8088").certificate), "expired"),
        (issued(P256, ab=NOW + timedelta(hours=1)), "not yet"),
        (field(CA.twin().issue(Request(purpose="tls", name="gds:R8088")).certificate), "another CA of the same name"),
        (field(DevelopmentCa.create().issue(Request(purpose="tls", name="x")).certificate), "another CA"),
        (field(self_signed(Request(purpose="tls", name="gds:R8088")).certificate), "its own anchor"),
        (field(CA.issue(Request(purpose="sign", name="gds:R8088")).certificate), "for another purpose"),
        (issued(rsa.generate_private_key(65537, 2048)), "RSA-2048"),
        (issued(ec.generate_private_key(ec.BrainpoolP256R1())), "a curve that TLS does not have here"),
        (field(CA.certificate), "a CA"),
    ],
    ids=lambda each: each if len(each) < 50 else "",
)
def test_what_would_not_pass_the_handshake_does_not_pass_here(shown: str, why: str) -> None:
    with pytest.raises(Forbidden) as refused:
        ask([shown])
    assert refused.value.code == "zertifikat_ungueltig", why


def test_the_same_keys_as_in_a_handshake_are_strong_enough() -> None:
    assert ask([issued(P256)])
    assert ask([issued(rsa.generate_private_key(65537, 3072))])


def test_without_anchors_nobody_gets_in() -> None:
    with pytest.raises(Forbidden):
        validated([GOOD], [], [], NOW)


def test_at_its_last_moment_it_ends() -> None:
    end = PAIR.certificate.not_valid_after_utc
    assert ask([GOOD], at=end - timedelta(seconds=1)) == PAIR.sha256
    with pytest.raises(Forbidden):
        ask([GOOD], at=end + timedelta(seconds=1))


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_is_refused(place: int, other: int) -> None:
    der = bytearray(PAIR.certificate.public_bytes(Encoding.DER))
    place %= len(der)
    if der[place] == other:
        return
    der[place] = other
    with pytest.raises(Refusal):
        ask([f":{base64.b64encode(bytes(der)).decode()}:"])


@pytest.mark.parametrize(
    ("table", "mend"),
    [
        ('adresse = "127.0.0.1:8447"', "braucht zertifikate"),
        ('adresse = "unix:proxy.sock"\nzertifikate = ["' + "0a" * 32 + '"]', "unix:PFAD braucht keine"),
        ('adresse = "127.0.0.1:8447"\nzertifikate = ["x"]', "kein SHA-256"),
        ('adresse = "proxy"', "keine Adresse"),
        ("", "adresse"),
    ],
)
def test_a_proxy_that_nobody_could_know_is_an_error(table: str, mend: str) -> None:
    with pytest.raises(ConfigError, match=mend):
        parse(f'[gateway]\nkennung = "gw:nrw"\n[proxy]\n{table}\n', Path("/etc/gateway.toml"))


def test_a_socket_counts_from_the_file() -> None:
    config = parse('[gateway]\nkennung = "gw:nrw"\n[proxy]\nadresse = "unix:proxy.sock"\n', Path("/etc/gateway.toml"))
    assert config.proxy is not None
    assert config.proxy.socket == Path("/etc/proxy.sock")
