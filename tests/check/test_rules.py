"""What an XSD cannot say: files, references, answers; by real messages through the checker."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from gateway.check import intake, rules
from gateway.check.checker import Checker
from gateway.check.head import head_of
from gateway.check.resources import packaged_folder
from gateway.errors import Befund, Invalid
from gateway.message import Geprueft, Kopf
from routing.verzeichnis import Verzeichnis

from .conftest import FILE, ID, TODAY

EMPTY = Verzeichnis.aus_zeilen([], [])
UUID = "9a3f0c52-1b7e-4d6a-8c90-6e5d4c3b2a10"


async def findings(checker: Checker, xml: str, *names: str) -> list[Befund]:
    with pytest.raises(Invalid) as caught:
        await checker.check(xml.encode(), today=TODAY, attachments=names)
    assert caught.value.status == 422
    return list(caught.value.befunde)


def official(body: str) -> rules.Subject:
    """Rules on an official message, whose XSD says nothing about files and references."""
    root = intake.parse(f'<nachricht.x xmlns="http://www.xjustiz.de">{body}</nachricht.x>'.encode()).root
    return rules.Subject(root, head_of(root, "xjustiz", EMPTY), None, None)


def codes(subject: rules.Subject) -> list[str]:
    return [finding.code for rule in rules.RULES for finding in rule(subject)]


async def test_the_example_with_its_file_passes(checker: Checker, notice: str) -> None:
    checked = await checker.check(notice.encode(), today=TODAY, attachments=[FILE])
    assert isinstance(checked, Geprueft)
    assert checked.kopf.dateien == (FILE,)


async def test_a_missing_file_is_found_where_it_is_named(checker: Checker, notice: str) -> None:
    (finding,) = await findings(checker, notice)
    assert finding.code == "datei_fehlt"
    assert finding.xpath is not None
    assert finding.xpath.endswith("/strafausl:datei/strafausl:dateiname")
    assert finding.zeile is not None


async def test_a_surplus_file_is_named(checker: Checker, notice: str) -> None:
    (finding,) = await findings(checker, notice, FILE, "Weitere.pdf")
    assert (finding.code, "„Weitere.pdf“" in finding.text) == ("datei_ueberzaehlig", True)


async def test_a_file_that_comes_twice_is_refused(checker: Checker, notice: str) -> None:
    assert [finding.code for finding in await findings(checker, notice, FILE, FILE)] == ["datei_doppelt"]


async def test_a_foreign_name_cannot_steer_the_answer(checker: Checker, notice: str) -> None:
    (finding,) = await findings(checker, notice, FILE, "\x1b[31m" + "x" * 500)
    assert "\x1b" not in finding.text
    assert len(finding.text) < 250


async def test_all_findings_come_at_once(checker: Checker, notice: str) -> None:
    broken = notice.replace("<ref.rollennummer>1<", "<ref.rollennummer>7<")
    found = await findings(checker, broken, "Weitere.pdf")
    assert [finding.code for finding in found] == ["datei_fehlt", "datei_ueberzaehlig", "verweis_ungueltig"]


async def test_without_known_attachments_nothing_is_compared(checker: Checker, notice: str) -> None:
    assert await checker.check(notice.encode(), today=TODAY, attachments=None)


@pytest.mark.parametrize(
    ("reference", "other"),
    [
        ("<ref.rollennummer>1", "<ref.rollennummer>9"),
        ("<ref.beteiligtennummer>1", "<ref.beteiligtennummer>9"),
        ("<ref.sgo>5f2c1d9a", "<ref.sgo>00000000"),
    ],
)
async def test_each_reference_must_resolve(reference: str, other: str, checker: Checker, notice: str) -> None:
    assert notice.count(reference) == 1
    (finding,) = await findings(checker, notice.replace(reference, other), FILE)
    assert finding.code == "verweis_ungueltig"
    assert finding.xpath is not None
    assert finding.xpath.endswith(reference[1:].partition(">")[0])


async def test_references_of_the_head_resolve_too(checker: Checker, notice: str) -> None:
    def with_reference(number: str) -> str:
        block = (
            f"<auswahl_verweisGrunddaten><ref.instanznummer>{number}</ref.instanznummer></auswahl_verweisGrunddaten>"
        )
        return notice.replace("</behoerde>", f"</behoerde>{block}", 1)

    assert await checker.check(with_reference("1").encode(), today=TODAY, attachments=[FILE])
    (finding,) = await findings(checker, with_reference("2"), FILE)
    assert finding.code == "verweis_ungueltig"
    assert "nachrichtenkopf" in (finding.xpath or "")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (f"Mitteilung_{UUID}.pdf", None),
        (f"Urteil_vom_1-2_{UUID}.pdf.p7s", None),
        (f"Ärztlicher_Bericht-ß_{UUID.upper()}.PDF", None),
        ("Mitteilung.pdf", "dateiname_form"),
        (UUID + ".pdf", "dateiname_form"),
        (f"Mitteilung_{UUID}", "dateiname_form"),
        (f"Mit teilung_{UUID}.pdf", "dateiname_form"),
        (f"M\u0308itteilung_{UUID}.pdf", "dateiname_form"),
        (f"../Mitteilung_{UUID}.pdf", "dateiname_pfad"),
        (f"/etc/Mitteilung_{UUID}.pdf", "dateiname_pfad"),
        (f"C:\\Mitteilung_{UUID}.pdf", "dateiname_pfad"),
        (f"M_{UUID}..pdf", "dateiname_pfad"),
        ("x" * (rules.MAX_FILE_NAME - len(UUID) - 5) + f"_{UUID}.pdf", None),
        ("x" * (rules.MAX_FILE_NAME - len(UUID) - 4) + f"_{UUID}.pdf", "dateiname_laenge"),
    ],
)
def test_file_names_of_official_messages(name: str, code: str | None) -> None:
    assert codes(official(f"<dateiname>{name}</dateiname>")) == ([code] if code else [])


def test_names_that_differ_only_in_case_would_overwrite_each_other() -> None:
    names = "".join(f"<dateiname>{name}_{UUID}.pdf</dateiname>" for name in ("Brief", "BRIEF"))
    assert codes(official(names)) == ["dateiname_doppelt"]


def test_a_message_has_at_most_a_thousand_files() -> None:
    names = "".join(f"<dateiname>d{n}_{UUID}.pdf</dateiname>" for n in range(rules.MAX_FILES + 1))
    assert codes(official(names)) == ["dateien_anzahl"]


@pytest.mark.parametrize(
    ("number", "code"), [("270503123456", []), ("271303123456", ["azr_nummer"]), ("1", ["azr_nummer"])]
)
def test_the_azr_number_of_official_messages(number: str, code: list[str]) -> None:
    assert codes(official(f"<azr-Nr>{number}</azr-Nr>")) == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            "<rollennummer>1</rollennummer><ref.rollennummer><ref.rollennummer>1</ref.rollennummer></ref.rollennummer>",
            [],
        ),
        ("<verweisBeteiligter><ref.rollennummer>1</ref.rollennummer></verweisBeteiligter>", ["verweis_ungueltig"]),
        ("<verweisInstanz>1</verweisInstanz>", ["verweis_ungueltig"]),
        ("<verweisInstanz>1</verweisInstanz><instanznummer>1</instanznummer>", []),
        ("<ref.fremdeNachrichtenID>x</ref.fremdeNachrichtenID><ref.bezugstermin>7</ref.bezugstermin>", []),
        (f"<dateiname.bezugsdatei>a_{UUID}.pdf</dateiname.bezugsdatei>", ["verweis_ungueltig"]),
        ("<ref.unbekannt>1</ref.unbekannt>", []),
    ],
)
def test_references_of_official_messages(body: str, code: list[str]) -> None:
    assert codes(official(body)) == code


def _own(number: str, anlass: str | None, fremde_id: str | None) -> rules.Subject:
    root = intake.parse(b'<a xmlns="urn:de:nrw:strafausl:1"/>').root
    head = Kopf("justiz", f"nachricht.x.{number}", "1.0.0", False, None, None, ID, fremde_id, None, None, None, "", ())
    return rules.Subject(root, head, None, anlass)


@pytest.mark.parametrize("number", sorted(rules.ANSWERS))
def test_answers_name_their_message(number: str) -> None:
    assert codes(_own(number, None, None)) == ["bezug_fehlt"]
    assert codes(_own(number, None, ID)) == []


def test_supplements_name_their_message_other_notices_need_not() -> None:
    assert codes(_own("9900001", "urteil_nachgereicht", None)) == ["bezug_fehlt"]
    assert codes(_own("9900001", "verfahren_erledigt", None)) == []


async def test_authority_block_and_code_must_agree(checker: Checker, notice: str) -> None:
    other = re.sub(r"<kennung>pol:[^<]*", "<kennung>pol:05171370484301", notice, count=1)
    assert other != notice
    (finding,) = await findings(checker, other, FILE)
    assert finding.code == "behoerde_widerspruch"
    assert "absender" in (finding.xpath or "")


def test_every_reference_of_our_own_schemas_is_checked() -> None:
    declared = {
        str(node.get("name"))
        for path in sorted(packaged_folder().rglob("*.xsd"))
        for node in etree.parse(str(path)).iter("{*}element")
        if str(node.get("name")).startswith(("ref.", "verweis", "dateiname."))
    }
    assert declared
    assert declared <= set(rules.TARGETS)
