"""The second stage as one call: own families, official XJustiz with its parts, every refusal with its answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from gateway.check.checker import Checker
from gateway.check.resources import packaged_folder
from gateway.errors import Forbidden, Invalid, Malformed, Refusal, TooLarge

from .conftest import FILE, SHARED, TODAY, official_source

EXAMPLES = packaged_folder() / "beispiele"
VALID = {path.stem: path.read_bytes() for path in sorted(EXAMPLES.glob("*.xml"))}
IN_FORCE = {"3.6.2": date(2026, 11, 22), "4.0.0": date(2027, 5, 3)}
UUID = "9a3f0c52-1b7e-4d6a-8c90-6e5d4c3b2a10"


async def refused(checker: Checker, xml: bytes, **more: Any) -> Refusal:
    given: dict[str, Any] = {"today": TODAY, "attachments": None, **more}
    with pytest.raises(Refusal) as caught:
        await checker.check(xml, **given)
    assert all(finding.text for finding in caught.value.befunde)
    return caught.value


@pytest.mark.parametrize("name", VALID)
async def test_every_example_passes(name: str, checker: Checker) -> None:
    checked = await checker.check(VALID[name], today=TODAY, attachments=None)
    named_addressee = checked.kopf.nummer in {"9900020", "9900021", "9900090", "9900091", "9900092"}
    assert (checked.sachverhalt is None) == named_addressee
    assert checked.kopf.absender is not None


async def test_the_day_of_receipt_becomes_stand_unless_the_message_names_one(checker: Checker) -> None:
    without = await checker.check(VALID["haft-3.2"], today=TODAY, attachments=None)
    with_one = await checker.check(VALID["mitteilung-2.1"], today=TODAY, attachments=None)
    assert without.sachverhalt is not None
    assert with_one.sachverhalt is not None
    assert without.sachverhalt.stand == TODAY
    assert with_one.sachverhalt.stand == date(2026, 10, 5)


@pytest.mark.parametrize(
    ("xml", "kind", "code"),
    [
        (b"kein XML", Malformed, "kein_xml"),
        (b"<!DOCTYPE a><a/>", Malformed, "doctype"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', Malformed, "entitaeten"),
        ("<a/>".encode("utf-16"), Malformed, "kodierung"),
        (b"<a>" * 100 + b"</a>" * 100, TooLarge, "grenze_tiefe"),
        (b"<html/>", Invalid, "wurzel_unbekannt"),
        (b'<nachricht.x xmlns="urn:de:nrw:strafausl:1"/>', Invalid, "wurzel_unbekannt"),
        (b'<nachricht.strafausl.haft.9900002 xmlns="urn:de:nrw:strafausl:2"/>', Invalid, "wurzel_unbekannt"),
        (b'<nachricht.strafausl.haft.9900002 xmlns="urn:de:nrw:strafausl:1"/>', Invalid, "version_unbekannt"),
    ],
)
async def test_what_is_no_message_of_ours_is_refused(xml: bytes, kind: type, code: str, checker: Checker) -> None:
    refusal = await refused(checker, xml)
    assert (type(refusal), refusal.code) == (kind, code)


async def test_an_unknown_root_names_what_is_taken_and_where_it_stood(checker: Checker) -> None:
    refusal = await refused(checker, b'<!-- x -->\n<nachricht.x xmlns="urn:de:nrw:strafausl:1"/>')
    (finding,) = refusal.befunde
    assert "nachricht.strafausl.haft.9900002" in finding.text
    assert (finding.zeile, finding.xpath) == (2, "/strafausl:nachricht.x")


async def test_a_version_before_its_first_day_is_refused(checker: Checker) -> None:
    refusal = await refused(checker, VALID["haft-3.2"], today=date(2025, 12, 31))
    assert refusal.code == "version_nicht_gueltig"
    assert (refusal.befunde[0].xpath or "").endswith("/strafausl:nachrichtenkopf")


@pytest.mark.parametrize("part", [{"sachverhalt": {}}, {"empfaenger": "abh:05315000"}])
async def test_parts_do_not_go_with_own_roots(part: dict[str, Any], checker: Checker) -> None:
    refusal = await refused(checker, VALID["haft-3.2"], **part)
    assert (refusal.status, refusal.code) == (422, "teil_unzulaessig")


async def test_facts_that_no_sachverhalt_takes_are_a_refusal_not_a_crash(checker: Checker) -> None:
    xml = VALID["haft-3.2"].replace(b"<antrittAm>", b"<entlassungAm>1066-10-14</entlassungAm><antrittAm>")
    assert (await refused(checker, xml)).code == "sachverhalt"


async def test_close_can_be_called_twice_and_without_a_worker(checker: Checker) -> None:
    fresh = Checker(checker.catalogue, checker.directory)
    await fresh.close()
    await fresh.close()
    assert (await fresh.check(VALID["haft-3.2"], today=TODAY, attachments=None)).kopf.nummer == "9900002"


# --- official XJustiz ------------------------------------------------------------------------------------------------


def transfer(version: str, *, recipient: str = "Irgendein Amt", sender: str = "", file: str = FILE) -> bytes:
    """A `nachricht.gds.uebermittlungSchriftgutobjekte.0005005` with one PDF."""
    who = sender or '<t:gericht listVersionID="3.6"><code>R3300S</code></t:gericht>'
    partner = "<t:informationen><t:auswahl_kommunikationspartner>{}</t:auswahl_kommunikationspartner></t:informationen>"
    return f"""<t:nachricht.gds.uebermittlungSchriftgutobjekte.0005005 xmlns:t="http://www.xjustiz.de">
      <t:nachrichtenkopf xjustizVersion="{version}">
        <t:erstellungszeitpunkt>2026-11-22T09:15:00+01:00</t:erstellungszeitpunkt>
        <t:absender>{partner.format(who)}<t:aktenzeichen>111 Js 1/26</t:aktenzeichen>
          <t:eigeneNachrichtenID>{UUID}</t:eigeneNachrichtenID></t:absender>
        <t:empfaenger>{partner.format(f"<t:sonstige>{recipient}</t:sonstige>")}
          <t:auswahl_aktenzeichen><t:aktenzeichen.unbekannt>true</t:aktenzeichen.unbekannt></t:auswahl_aktenzeichen>
        </t:empfaenger>
        <t:herstellerinformation><t:nameDesProdukts>p</t:nameDesProdukts>
          <t:herstellerDesProdukts>h</t:herstellerDesProdukts><t:version>1</t:version></t:herstellerinformation>
      </t:nachrichtenkopf>
      <t:grunddaten/>
      <t:schriftgutobjekte>
        <t:dokument>
          <t:identifikation><t:id>{UUID}</t:id><t:nummerImUebergeordnetenContainer>1</t:nummerImUebergeordnetenContainer>
          </t:identifikation>
          <t:xjustiz.fachspezifischeDaten>
            <t:dokumentklasse listVersionID="1.3"><code>015</code></t:dokumentklasse>
            <t:anzeigename>Bescheid</t:anzeigename>
            <t:datei><t:dateiname>{file}</t:dateiname><t:bestandteil><code>001</code></t:bestandteil></t:datei>
          </t:xjustiz.fachspezifischeDaten>
        </t:dokument>
      </t:schriftgutobjekte>
    </t:nachricht.gds.uebermittlungSchriftgutobjekte.0005005>""".encode()


FURTHER = {
    "anlass": "weitere_mitteilung",
    "absender": "gds:R3300S",
    "empfaenger": "abh:05315000",
    "rechtsgrundlage": "§ 87 Abs. 2 AufenthG",
}


@pytest.fixture(params=["3.6.2", "4.0.0"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def official_check(official: Callable[..., Checker], version: str, **more: Any) -> Any:
    xml = transfer(version, **{key: more.pop(key) for key in ("recipient", "sender", "file") if key in more})
    given: dict[str, Any] = {"today": IN_FORCE[version], "attachments": [FILE], **more}
    return await official(version).check(xml, **given)


async def test_an_official_message_with_a_stated_sachverhalt(version: str, official: Callable[..., Checker]) -> None:
    checked = await official_check(official, version, sachverhalt=FURTHER)
    assert (checked.kopf.familie, checked.kopf.version, checked.kopf.dateien) == ("xjustiz", version, (FILE,))
    assert checked.sachverhalt is not None
    assert checked.sachverhalt.as_json() == {**FURTHER, "stand": IN_FORCE[version].isoformat()}


async def test_the_part_empfaenger_makes_a_further_notice(version: str, official: Callable[..., Checker]) -> None:
    checked = await official_check(official, version, empfaenger="abh:05315000")
    assert checked.kopf.empfaenger == "abh:05315000"
    assert (checked.sachverhalt.anlass, checked.sachverhalt.empfaenger) == ("weitere_mitteilung", "abh:05315000")
    assert checked.sachverhalt.rechtsgrundlage is None


async def test_the_head_names_a_recipient_by_key_or_by_name(version: str, official: Callable[..., Checker]) -> None:
    directory = official(version).directory
    name = directory.behoerden["abh:05382"].name.replace("–", "-")  # XJustiz texts know no dash
    for named in ("abh:05382", name):
        checked = await official_check(official, version, recipient=named)
        assert checked.sachverhalt.empfaenger == "abh:05382"


async def test_without_recipient_and_facts_it_stays_open(version: str, official: Callable[..., Checker]) -> None:
    checked = await official_check(official, version)
    assert (checked.kopf.empfaenger, checked.sachverhalt.empfaenger) == (None, None)


async def test_with_facts_a_named_abh_is_the_known_one(version: str, official: Callable[..., Checker]) -> None:
    stated = {"anlass": "anklage_erhoben", "absender": "gds:R3300S"}
    checked = await official_check(official, version, recipient="abh:05382", sachverhalt=stated)
    assert checked.sachverhalt.bekannte_abh == "abh:05382"
    contradiction = {**stated, "bekannte_abh": "abh:05315000"}
    with pytest.raises(Invalid) as caught:
        await official_check(official, version, recipient="abh:05382", sachverhalt=contradiction)
    assert caught.value.code == "empfaenger_widerspruch"


async def test_nobody_states_facts_in_another_name(version: str, official: Callable[..., Checker]) -> None:
    for more in ({}, {"sender": "<t:sonstige>Amt</t:sonstige>"}):
        with pytest.raises(Forbidden) as caught:
            await official_check(official, version, sachverhalt={**FURTHER, "absender": "gds:R8088"}, **more)
        assert (caught.value.status, caught.value.code) == (403, "absender_fremd")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"sachverhalt": {}}, "sachverhalt"),
        ({"sachverhalt": {**FURTHER, "anlass": "unsinn"}}, "sachverhalt"),
        ({"sachverhalt": {**FURTHER, "zusatz": 1}}, "sachverhalt"),
        ({"sachverhalt": []}, "sachverhalt"),
        ({"empfaenger": "Stadt Köln"}, "empfaenger"),
        ({"empfaenger": ""}, "empfaenger"),
        ({"sender": "<t:sonstige>Unbekanntes Amt</t:sonstige>"}, "absender_unbekannt"),
        ({"attachments": []}, "regel"),
        ({"file": "Bescheid.pdf", "attachments": ["Bescheid.pdf"]}, "regel"),
        ({"file": "", "attachments": []}, "schema"),
    ],
)
async def test_faulty_official_messages(
    more: dict[str, Any], code: str, version: str, official: Callable[..., Checker]
) -> None:
    if more.get("file") == "":
        more = {"recipient": "中", "attachments": [FILE]}  # beyond the character set of every version
    with pytest.raises(Invalid) as caught:
        await official_check(official, version, **more)
    assert caught.value.code == code


async def test_an_official_version_is_taken_on_its_days_and_as_named_preview(
    official: Callable[..., Checker],
) -> None:
    xml = transfer("4.0.0")
    refusal = await refused(official("4.0.0"), xml, today=date(2027, 4, 29))
    assert refusal.code == "version_nicht_gueltig"
    early = await official("4.0.0", vorschau=True).check(xml, today=TODAY, attachments=[FILE])
    assert early.kopf.version == "4.0.0"


async def test_from_4_on_later_patches_are_taken_by_the_pattern_of_the_pack(official: Callable[..., Checker]) -> None:
    checked = await official("4.0.0").check(transfer("4.1.7"), today=IN_FORCE["4.0.0"], attachments=[FILE])
    assert checked.kopf.version == "4.1.7"


async def test_an_uninstalled_standard_is_an_unknown_root(checker: Checker) -> None:
    assert (await refused(checker, transfer("3.6.2"))).code == "wurzel_unbekannt"


async def test_the_official_mistra_example_passes(official: Callable[..., Checker]) -> None:
    official_source("4.0.0")
    example = SHARED / "examples" / "nachricht.straf.mistra.mitteilung.0500900.xml"
    if not SHARED.parent.is_dir():
        pytest.skip("the official example lies in ../shared only")
    checked = await official("4.0.0").check(example.read_bytes(), today=IN_FORCE["4.0.0"], attachments=())
    assert (checked.kopf.absender, checked.kopf.azr_nummer) == ("gds:R3300S", "270503123456")
    assert checked.sachverhalt is not None
    assert checked.sachverhalt.anlass == "weitere_mitteilung"
