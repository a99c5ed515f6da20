from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway import pki
from gateway.cli.partner_files import NotAgreed, from_toml
from gateway.pki_issue import DevelopmentCa, Request

Run = Callable[..., Result]
Partners = Callable[..., Result]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory, ca: DevelopmentCa) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for purpose in ("sign", "encrypt"):
        pki.write_pair(ca.issue(Request(purpose=purpose, name="abh:05382")), folder / purpose)
    (folder / "ca.crt").write_text(ca.pem)
    return folder


@pytest.fixture
def partners(run: Run, tmp_path: Path) -> Partners:
    assert run("init", tmp_path / "hub").exit_code == 0
    return lambda *args: run("--config", tmp_path / "hub/gateway.toml", "partners", *args)


def toml(certificates: Path, more: str = "", **changes: str) -> str:
    values = {
        "id": '"rsk"',
        "behoerden": '["abh:05382"]',
        "weg": '"mail"',
        "adresse": '"abh@rsk.example"',
        "zertifikate": f'[{{zweck = "signatur", datei = "{certificates}/sign.crt"}}, '
        f'{{zweck = "verschluesselung", datei = "{certificates}/encrypt.crt"}}]',
    } | changes
    return "[[partner]]\n" + "".join(f"{k} = {v}\n" for k, v in values.items() if v) + more


def test_added_from_toml_listed_shown_removed(partners: Partners, tmp_path: Path, certificates: Path) -> None:
    file = tmp_path / "partners.toml"
    file.write_text(
        toml(certificates)
        + toml(
            certificates,
            id='"koeln"',
            behoerden='["abh:05315000", "zab:koeln"]',
            weg='"as2"',
            adresse="",
            url='"https://edge.example/as2"',
            as2_id='"gw-koeln"',
        )
    )
    assert partners("add", "--toml", file).exit_code == 0
    rows = json.loads(partners("list", "--json").stdout)
    assert [(row["id"], row["weg"], row["behoerden"]) for row in rows] == [
        ("koeln", "as2", ["abh:05315000", "zab:koeln"]),
        ("rsk", "mail", ["abh:05382"]),
    ]
    shown = json.loads(partners("show", "rsk", "--json").stdout)
    signer = pki.load_certificates(certificates / "sign.crt")[0]
    assert shown["zertifikate"][0]["pem"] == pki.pem_of(signer)
    assert shown["zertifikate"][0]["bis"] == signer.not_valid_after_utc.date().isoformat()
    assert pki.hash_of_pem(pki.pem_of(signer)) in partners("show", "rsk").stdout
    assert partners("remove", "rsk").exit_code == 0
    assert "rsk" not in partners("list").stdout
    assert partners("show", "rsk").exit_code == 1
    assert partners("remove", "rsk").exit_code == 1


def add_by_options(partners: Partners, certificates: Path, id_: str, key: str, *more: str) -> Result:
    return partners(
        *("add", "--id", id_, "--behoerde", key, "--weg", "mail", "--adresse", "a@b.example"),
        *("--cert", f"signatur={certificates}/sign.crt", "--cert", f"verschluesselung={certificates}/encrypt.crt"),
        *more,
    )


def test_added_from_options(partners: Partners, certificates: Path) -> None:
    assert add_by_options(partners, certificates, "rsk", "abh:05382", "--test").exit_code == 0
    assert json.loads(partners("show", "rsk", "--json").stdout)["test"] is True


def test_nothing_is_replaced_unasked(partners: Partners, certificates: Path) -> None:
    assert add_by_options(partners, certificates, "rsk", "abh:05382").exit_code == 0
    again = add_by_options(partners, certificates, "rsk", "abh:05315000")
    assert again.exit_code == 1
    assert "--replace" in again.stderr
    assert add_by_options(partners, certificates, "rsk", "abh:05315000", "--replace").exit_code == 0
    assert json.loads(partners("list", "--json").stdout)[0]["behoerden"] == ["abh:05315000"]
    # The first authority is free again.
    assert add_by_options(partners, certificates, "andere", "abh:05382").exit_code == 0


def test_an_authority_has_one_agreement_and_a_file_is_all_or_nothing(
    partners: Partners, tmp_path: Path, certificates: Path
) -> None:
    assert add_by_options(partners, certificates, "rsk", "abh:05382").exit_code == 0
    file = tmp_path / "partners.toml"
    file.write_text(toml(certificates, id='"neu"', behoerden='["abh:05315000"]') + toml(certificates, id='"doppelt"'))
    result = partners("add", "--toml", file)
    assert result.exit_code == 1
    assert "doppelt: abh:05382 gehört schon zu rsk" in result.stderr
    assert [row["id"] for row in json.loads(partners("list", "--json").stdout)] == ["rsk"]


def test_one_as2_name_one_partner(partners: Partners, certificates: Path) -> None:
    assert add_by_options(partners, certificates, "a", "abh:05382", "--as2-id", "gw-x").exit_code == 0
    result = add_by_options(partners, certificates, "b", "abh:05315000", "--as2-id", "gw-x")
    assert result.exit_code == 1
    assert "as2_id gehört schon zu a" in result.stderr


@pytest.mark.parametrize(
    ("changes", "mend"),
    [
        ({"adresse": ""}, "weg = mail braucht adresse"),
        ({"behoerden": '["koeln"]'}, "[partner 1] behoerden 1: kein Behördenschlüssel"),
        ({"behoerden": "[]"}, "mindestens eine"),
        ({"behoerden": '["gw:koeln"]'}, "kein Behördenschlüssel"),
        ({"weg": '"fax"'}, "erlaubt ist 'as2', 'mail' oder 'abruf'"),
        ({"id": '"Groß"'}, "[partner 1] id:"),
        ({"farbe": '"rot"'}, "unbekannter Schlüssel"),
        ({"zertifikate": "[]"}, "zweck = signatur fehlt"),
        ({"zertifikate": '[{zweck = "signatur"}]'}, "entweder pem oder datei"),
        ({"zertifikate": '[{zweck = "signatur", datei = "fehlt.crt"}]'}, "nicht lesbar"),
        ({"zertifikate": '[{zweck = "signatur", pem = "x"}]'}, "kein lesbares Zertifikat"),
        ({"mdn": '"async"'}, "nur mit weg = as2"),
        ({"weg": '"as2"', "url": '"http://a.example"', "as2_id": '"a"'}, "https://"),
        ({"algorithmen": '{inhalt = "aes-256-cbc"}'}, "brauchen ein Enddatum"),
        ({"adresse": '"a@b.example\\r\\nBcc: c@d.example"'}, "Zeilenumbrüche"),
    ],
)
def test_what_cannot_be_agreed_is_refused(
    tmp_path: Path, certificates: Path, changes: dict[str, str], mend: str
) -> None:
    file = tmp_path / "partners.toml"
    file.write_text(toml(certificates, **changes))
    with pytest.raises(NotAgreed) as caught:
        from_toml(file)
    assert mend in str(caught.value)
    assert str(caught.value).startswith(str(file))


def test_a_window_may_end_earlier_than_its_certificate_but_not_later(tmp_path: Path, certificates: Path) -> None:
    end = datetime.now(UTC).date() + timedelta(days=30)
    file = tmp_path / "partners.toml"
    entry = f'{{zweck = "signatur", datei = "{certificates}/sign.crt", bis = %s}}'
    weg = {"weg": '"abruf"', "adresse": ""}
    file.write_text(toml(certificates, zertifikate=f"[{entry % end}]", **weg))
    assert from_toml(file)[0].zertifikate[0].bis == end
    file.write_text(toml(certificates, zertifikate=f"[{entry % (end + timedelta(days=3650))}]", **weg))
    with pytest.raises(NotAgreed, match="nach dem Ende des Zertifikats"):
        from_toml(file)


def test_certificate_files_count_from_the_toml_file(tmp_path: Path, certificates: Path) -> None:
    file = certificates / "beside.toml"
    file.write_text(
        toml(certificates, weg='"abruf"', adresse="", zertifikate='[{zweck = "signatur", datei = "sign.crt"}]')
    )
    assert from_toml(file)[0].zertifikate[0].zweck == "signatur"


def test_a_certificate_that_could_never_be_used_is_refused_when_it_is_entered(tmp_path: Path) -> None:
    ca, file = DevelopmentCa.create(), tmp_path / "partners.toml"
    for name, key in (
        ("sign", rsa.generate_private_key(65537, 2048)),
        ("short", rsa.generate_private_key(65537, 1024)),
        ("curve", ec.generate_private_key(ec.SECP256K1())),
        ("dsa", dsa.generate_private_key(2048)),
    ):
        (tmp_path / f"{name}.crt").write_bytes(signed_by(ca, key))
    pki.write_pair(ca.issue(Request(purpose="encrypt", name="abh:05382")), tmp_path / "encrypt")

    def told(name: str, more: str = "") -> str:
        file.write_text(toml(tmp_path, more).replace("sign.crt", f"{name}.crt"))
        try:
            return from_toml(file)[0].id
        except NotAgreed as refused:
            return str(refused)

    place = f"{file}: [partner 1] zertifikate 1 (signatur): "
    until = "[partner.algorithmen]\nausnahmen_bis = 2999-12-31\n"
    assert told("sign").startswith(f"{place}RSA unter 2048 Bit nie, unter 3000 Bit nur bis")
    assert told("sign", until) == "rsk"
    assert told("sign", until.replace("2999", "2020")).startswith(f"{place}RSA unter")
    assert told("short", until).startswith(f"{place}RSA unter")
    assert told("curve", until).startswith(f"{place}die Kurve ist nicht zugelassen")
    assert told("dsa", until).startswith(f"{place}der Schlüssel ist weder RSA noch EC")
    assert told("encrypt") == f"{place}die Schlüsselverwendung (keyUsage) des Zertifikats erlaubt diesen zweck nicht"


def signed_by(ca: DevelopmentCa, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey) -> bytes:
    """A certificate of any key, without keyUsage."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "abh:05382")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(ca.certificate.subject, name, key.public_key(), 5, now, now + timedelta(days=9))
    return builder.sign(ca.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_vermittler_may_name_gateways_or_nobody(tmp_path: Path, certificates: Path) -> None:
    file = tmp_path / "partners.toml"
    file.write_text(toml(certificates, art='"vermittler"', behoerden='["gw:nrw"]'))
    assert from_toml(file)[0].behoerden == ("gw:nrw",)
    file.write_text(toml(certificates, art='"vermittler"', behoerden="[]"))
    assert from_toml(file)[0].behoerden == ()


def test_used_wrongly(partners: Partners, run: Run, tmp_path: Path) -> None:
    assert partners("add").exit_code == 2
    assert partners("add", "--toml", "x.toml", "--id", "y").exit_code == 2
    assert partners("add", "--toml", tmp_path / "missing.toml").exit_code == 2
    assert partners("add", "--id", "x", "--cert", "unsinn").exit_code == 2
    missing = run("--config", tmp_path / "nowhere.toml", "partners", "list")
    assert missing.exit_code == 2
    assert "gateway init" in missing.stderr


def test_an_unreachable_store(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(
        '[gateway]\nkennung = "gw:nrw"\n[store]\nurl = "postgresql://nobody:geheim@127.0.0.1:1/none"\n'
    )
    result = run("--config", tmp_path / "gateway.toml", "partners", "list")
    assert result.exit_code == 3
    assert "geheim" not in result.output


def test_algorithms_and_limits_by_options(partners: Partners, certificates: Path) -> None:
    chosen = ("--hash", "sha-384", "--inhalt", "aes-256-cbc", "--ausnahmen-bis", "2027-06-30", "--kompression")
    limits = ("--max-bytes", "1000", "--max-mail-bytes", "2000", "--gleichzeitig", "2", "--quittung-sekunden", "60")
    added = add_by_options(partners, certificates, "rsk", "abh:05382", *chosen, *limits, "--ohne-lesefassung")
    assert added.exit_code == 0, added.stderr
    shown = json.loads(partners("show", "rsk", "--json").stdout)
    assert shown["algorithmen"] == {
        "hash": "sha-384",
        "signatur": "pss",
        "schluesseltransport": "oaep",
        "inhalt": "aes-256-cbc",
        "kompression": True,
        "ausnahmen_bis": "2027-06-30",
    }
    assert shown["grenzen"] == {"bytes": 1000, "mail_bytes": 2000, "gleichzeitig": 2, "quittung_sekunden": 60}
    assert shown["lesefassung"] is False


def test_weak_algorithms_need_their_end(partners: Partners, certificates: Path) -> None:
    added = add_by_options(partners, certificates, "rsk", "abh:05382", "--inhalt", "aes-256-cbc")
    assert (added.exit_code, "ausnahmen_bis" in added.stderr) == (2, True)


def test_a_change_of_an_agreement_is_an_event_that_names_keys_alone(
    partners: Partners, certificates: Path, tmp_path: Path
) -> None:
    assert add_by_options(partners, certificates, "rsk", "abh:05382").exit_code == 0
    assert add_by_options(partners, certificates, "rsk", "abh:05382", "--replace", "--test").exit_code == 0
    assert partners("remove", "rsk").exit_code == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "hub/gateway.db")) as db:
        rows = db.execute("select detail from event where art = 'partner_geaendert' order by id").fetchall()
    assert [json.loads(row[0]) for row in rows] == [
        {"partner": "rsk", "was": "angelegt"},
        {"partner": "rsk", "was": "geaendert", "felder": ["test"]},
        {"partner": "rsk", "was": "entfernt"},
    ]


def test_certificates_are_listed_with_use_window_and_status(
    run: Run, partners: Partners, certificates: Path, tmp_path: Path
) -> None:
    assert add_by_options(partners, certificates, "rsk", "abh:05382").exit_code == 0
    certs = ("--config", tmp_path / "hub/gateway.toml", "certs", "list")
    rows = json.loads(run(*certs, "--json").stdout)
    own = {row["verwendung"]: row for row in rows if row["partner"] is None}
    assert set(own) == {"sign", "encrypt", "tls", "log"}
    assert {row["status"] for row in own.values()} == {"gültig"}
    assert all(700 < row["tage"] <= 730 for row in own.values())
    theirs = {row["verwendung"]: row["status"] for row in rows if row["partner"] == "rsk"}
    assert theirs == {"signatur": "ohne Pfad", "verschluesselung": "ohne Pfad"}, "no anchor was registered"
    assert run(*certs, "--pruefen").exit_code == 1
    anchor = pki.load_certificates(certificates / "ca.crt")[0]
    (tmp_path / "hub/trust/partner/ca.crt").write_text(pki.pem_of(anchor))
    assert run(*certs, "--pruefen").exit_code == 0
    listed = run(*certs).stdout
    assert "(eigenes)" in listed
    assert "Testzertifikat" in listed
