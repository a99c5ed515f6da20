"""The messages that the gateway itself writes are valid under our XSDs and read back as what was meant."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.check import intake
from gateway.check.checker import Checker
from gateway.check.resources import compiled, packaged_folder
from gateway.errors import Befund, Refusal
from gateway.route.compose import (
    Einzelteile,
    Fehlerbezug,
    Kopfangaben,
    Original,
    Reiseteil,
    SignierteEinheit,
    Stelle,
    Weiterleitende,
    compose_fehler,
    compose_weiterleitung,
    compose_zustaendigkeitsmitteilung,
    original_dateiname,
)

from .conftest import FILE, ID, OTHER_ID, TODAY

SCHEMA = compiled(packaged_folder() / "justiz" / "1.0" / "strafausl.xsd", packaged_folder())
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DIGEST = "9f" * 32
COLOGNE, SIEGBURG = Stelle("abh:05315000", "Stadt Köln – Ausländerbehörde"), Stelle("abh:05382", "Rhein-Sieg-Kreis")
PRISON, GATEWAY = Stelle("gds:R8088", "Justizvollzugsanstalt Köln"), Stelle("gw:nrw", "Gateway NRW")
FORWARDER = Weiterleitende("abh:05315000", NOW)
HEAD = Kopfangaben(ID, NOW, COLOGNE, SIEGBURG, OTHER_ID, "332-AE 1/26", "4511 E 77/26", "210417123456")
XML, PDF = Reiseteil(original_dateiname(OTHER_ID), DIGEST), Reiseteil(FILE, DIGEST)
RECEIPT = Reiseteil(f"Annahmequittung_{OTHER_ID}.p7m", DIGEST)
FORMS = {
    "signed": (SignierteEinheit(Reiseteil(f"Nachricht_{OTHER_ID}.eml", DIGEST), DIGEST, (PDF,)), 1),
    "signed, no files": (SignierteEinheit(Reiseteil(f"Nachricht_{OTHER_ID}.eml", DIGEST), DIGEST), 1),
    "parts": (Einzelteile(XML, (PDF,), RECEIPT), 3),
    "parts, no receipt": (Einzelteile(XML), 1),
}


def original(form: SignierteEinheit | Einzelteile) -> Original:
    return Original(OTHER_ID, "nachricht.strafausl.haft.9900002", "1.0.0", "gds:R8088", form, NOW)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("hops", [1, 2])
@pytest.mark.parametrize("test", [False, True])
async def test_a_weiterleitung_names_the_original_and_all_who_forwarded(
    name: str, hops: int, test: bool, checker: Checker
) -> None:
    form, parts = FORMS[name]
    head = dataclasses.replace(HEAD, test=test)
    xml = compose_weiterleitung(head, original(form), [FORWARDER] * hops, "Wohnsitz in Sankt Augustin.")
    checked = await checker.check(xml, today=TODAY, attachments=None)
    kopf = checked.kopf
    assert checked.sachverhalt is None
    assert (kopf.nummer, kopf.absender, kopf.empfaenger) == ("9900020", "abh:05315000", "abh:05382")
    assert (kopf.eigene_id, kopf.fremde_id, kopf.test) == (ID, OTHER_ID, test)
    assert (kopf.aktenzeichen, kopf.aktenzeichen_empfaenger) == ("332-AE 1/26", "4511 E 77/26")
    assert kopf.azr_nummer == "210417123456"
    assert len(kopf.dateien) == parts
    assert xml.count(b"<weiterleitendeStelle>") == hops
    assert await checker.check(xml, today=TODAY, attachments=kopf.dateien)


async def test_a_zustaendigkeitsmitteilung_tells_the_prison_who_is_competent(checker: Checker) -> None:
    head = dataclasses.replace(HEAD, leser=PRISON, aktenzeichen=None, aktenzeichen_leser=None, azr_nummer=None)
    xml = compose_zustaendigkeitsmitteilung(head, "abh:05382", FORWARDER, "Wohnsitz in Sankt Augustin.")
    checked = await checker.check(xml, today=TODAY, attachments=())
    assert (checked.kopf.nummer, checked.kopf.empfaenger, checked.sachverhalt) == ("9900021", "gds:R8088", None)
    assert b"<zustaendigeAbh>abh:05382<" in xml


@pytest.mark.parametrize(
    "key", ["gds:R8088", "pol:05211370455501", "abh:05315000", "zab:koeln", "bamf:zentrale", "mrv:essen"]
)
async def test_a_fehler_reaches_every_kind_of_sender(key: str, checker: Checker) -> None:
    head = dataclasses.replace(HEAD, autor=GATEWAY, leser=Stelle(key, "x"), azr_nummer=None)
    findings = [
        Befund("datei_fehlt", "Diese Datei fehlt.", 57, 3, "/strafausl:a/b[2]", "3.1"),
        Befund("regel", "Text."),
    ]
    xml = compose_fehler(head, findings, Fehlerbezug(DIGEST, "<1@example.invalid>"))
    checked = await checker.check(xml, today=TODAY, attachments=())
    assert (checked.kopf.nummer, checked.kopf.absender, checked.kopf.empfaenger) == ("9900090", "gw:nrw", key)
    assert xml.count(b"<s:fehler>") == 2


FOLDER = packaged_folder() / "beispiele" / "fehlerhaft"
FAULTY = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.xml"))}
FEHLER = Kopfangaben(ID, NOW, GATEWAY, PRISON)


@pytest.mark.parametrize("name", FAULTY)
async def test_every_refusal_fits_into_a_fehler(name: str, checker: Checker) -> None:
    with pytest.raises(Refusal) as caught:
        await checker.check(FAULTY[name], today=TODAY, attachments=None)
    xml = compose_fehler(FEHLER, caught.value.befunde, Fehlerbezug(DIGEST))
    assert (await checker.check(xml, today=TODAY, attachments=())).kopf.fremde_id is None


@given(st.text(max_size=100))
@settings(deadline=None)
def test_any_text_of_a_finding_can_be_written(text: str) -> None:
    root = intake.parse(compose_fehler(FEHLER, [Befund("regel", text)])).root
    assert SCHEMA.validate(root), SCHEMA.error_log


def test_nothing_is_composed_without_its_core() -> None:
    with pytest.raises(ValueError, match="who forwards"):
        compose_weiterleitung(HEAD, original(Einzelteile(XML)), [], "x")
    with pytest.raises(ValueError, match="at least one"):
        compose_fehler(HEAD, [])
    with pytest.raises(ValueError, match="authority key"):
        compose_fehler(dataclasses.replace(HEAD, leser=Stelle("kein Schlüssel", "x")), [Befund("regel", "x")])
