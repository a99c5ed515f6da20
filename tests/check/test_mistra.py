"""The official MiStra notice: what mapping data read from it, what stays unclear, and mappings that are refused."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.check.checker import Checker
from gateway.check.mistra import MITTEILUNG, Zuordnung
from gateway.check.resources import SchemaMissing, SchemaStore, mistra_mapping, packaged_folder
from gateway.config import parse
from gateway.errors import Forbidden, Invalid
from gateway.route.resources import packaged_directory, packaged_rules
from routing import Einstellungen, Entscheidung, Sachverhalt, Vorgangslage, entscheide
from routing.sachverhalt import ANLAESSE
from schemas import MISTRA_MAPPING

from .conftest import SHARED, official_source

DAY = date(2027, 5, 3)
PACKAGED = (packaged_folder() / MISTRA_MAPPING).read_text(encoding="utf-8")
DECISION = (
    '<x:entscheidung><x:entscheidendeBehoerde listVersionID="3.7"><code>R3306</code></x:entscheidendeBehoerde>'
    "<x:aktenzeichen>501 Ls 1/27</x:aktenzeichen><x:datum>2027-04-20</x:datum></x:entscheidung>"
)
DONE = '<x:erledigungsart listVersionID="1.0"><code>1</code></x:erledigungsart>'
LEGAL = "<x:datumDerRechtskraft>2027-04-28</x:datumDerRechtskraft>"
POSTPONED = "<x:vollstreckungZurueckgestelltBis>2028-01-31</x:vollstreckungZurueckgestelltBis>"
DEPORTED = "<x:datumAbschiebung>2027-04-02</x:datumAbschiebung>"


def example() -> str:
    official_source("4.0.0")
    path = SHARED / "examples" / f"{MITTEILUNG}.xml"
    if not path.is_file():
        pytest.skip("the official example lies in ../shared only")
    return path.read_text(encoding="utf-8")


def notice(art: str = "42", more: str = "", recipient: str = "abh:05315000") -> bytes:
    """The official example with another Anlass, recipient and content."""
    text = example().replace("Stadt Köln, Ausländeramt", recipient).replace("<code>42</code>", f"<code>{art}</code>")
    return text.replace("</tns:fachdaten>", f"{more.replace('x:', 'tns:')}</tns:fachdaten>").encode()


async def facts(official: Callable[..., Checker], xml: bytes, **more: Any) -> Sachverhalt:
    checked = await official("4.0.0").check(xml, today=DAY, attachments=(), **more)
    assert checked.sachverhalt is not None
    return checked.sachverhalt


def decision(sachverhalt: Sachverhalt) -> Entscheidung:
    return entscheide(sachverhalt, Vorgangslage(), packaged_directory(), packaged_rules(), Einstellungen())


@pytest.mark.parametrize(
    ("art", "more", "recipient", "anlass", "outcome", "addressees"),
    [
        ("42a", "", "bamf:zentrale", "asyl_mitteilung_8_1a", "zustellen", ("bamf:zentrale",)),
        ("11", "", "pol:05211370455501", "ausgang_des_verfahrens_482", "zustellen", ("pol:05211370455501",)),
        ("42", DONE + DECISION + LEGAL, "abh:05315000", "verfahren_erledigt", "zustellen", ("abh:05315000",)),
        ("42", POSTPONED, "zab:koeln", "zurueckstellung_strafvollstreckung_widerrufen", "zustellen", ("zab:koeln",)),
        ("42", DONE + DECISION + LEGAL, "unbekannt", "verfahren_erledigt", "klaerung", ()),
        ("42", "", "abh:05315000", "weitere_mitteilung", "klaerung", ()),
        ("42", DONE, "abh:05315000", "weitere_mitteilung", "klaerung", ()),
        ("42", DECISION + LEGAL, "abh:05315000", "weitere_mitteilung", "klaerung", ()),
        ("42", DEPORTED, "abh:05315000", "weitere_mitteilung", "klaerung", ()),
        ("42 ", "", "abh:05315000", "weitere_mitteilung", "klaerung", ()),
        ("13", POSTPONED, "abh:05315000", "weitere_mitteilung", "klaerung", ()),
    ],
)
async def test_certain_content_names_the_anlass_and_the_rules_decide(
    art: str,
    more: str,
    recipient: str,
    anlass: str,
    outcome: str,
    addressees: tuple[str, ...],
    official: Callable[..., Checker],
) -> None:
    found = await facts(official, notice(art, more, recipient))
    assert (found.anlass, found.absender) == (anlass, "gds:R3300S")
    decided = decision(found)
    assert (decided.entscheidung, decided.empfaenger) == (outcome, addressees)


async def test_a_named_abh_is_the_known_one_and_the_register_counts_as_not_asked(
    official: Callable[..., Checker],
) -> None:
    found = await facts(official, notice("42", POSTPONED))
    assert (found.bekannte_abh, found.azr) == ("abh:05315000", None)


async def test_the_police_of_a_case_comes_from_the_proceedings_where_the_head_names_none(
    official: Callable[..., Checker],
) -> None:
    instance = (
        "<tns:instanzdaten><tns:auswahl_instanzbehoerde>"
        '<tns:polizeibehoerde listVersionID="1.12"><code>{}</code></tns:polizeibehoerde>'
        "</tns:auswahl_instanzbehoerde></tns:instanzdaten>"
    )
    one = instance.format("05211370455501")
    xml = notice("11", "", "unbekannt").replace(b"<tns:verfahrensdaten>", f"<tns:verfahrensdaten>{one}".encode())
    assert (await facts(official, xml)).befasste_polizei == "pol:05211370455501"
    two = one + instance.format("05211370379201")
    xml = notice("11", "", "unbekannt").replace(b"<tns:verfahrensdaten>", f"<tns:verfahrensdaten>{two}".encode())
    assert (await facts(official, xml)).befasste_polizei is None


async def test_the_part_sachverhalt_stands_before_the_mapping(official: Callable[..., Checker]) -> None:
    part = {"anlass": "anklage_erhoben", "absender": "gds:R3300S"}
    assert (await facts(official, notice("42", POSTPONED), sachverhalt=part)).anlass == "anklage_erhoben"
    with pytest.raises(Forbidden):
        await facts(official, notice("42", POSTPONED), sachverhalt={**part, "absender": "gds:R3306"})


async def test_before_its_first_day_the_preview_is_needed(official: Callable[..., Checker]) -> None:
    early = date(2027, 4, 29)
    with pytest.raises(Invalid) as caught:
        await official("4.0.0").check(notice(), today=early, attachments=())
    assert caught.value.code == "version_nicht_gueltig"
    checked = await official("4.0.0", vorschau=True).check(notice("42a"), today=early, attachments=())
    assert checked.sachverhalt is not None
    assert checked.sachverhalt.anlass == "asyl_mitteilung_8_1a"


async def test_an_operator_adds_the_values_of_the_lists(official: Callable[..., Checker], tmp_path: Path) -> None:
    added = '[[regel]]\nanlass = "verfahren_eingestellt"\nart = ["42"]\nerledigungsart = ["1"]\n'
    added += 'fehlt = ["datumDerRechtskraft"]\n'
    other = '[[regel]]\nanlass = "hauptverhandlung_termin"\nsonstiger_anlass = ["7"]\n'
    file = tmp_path / "mistra.toml"
    file.write_text(PACKAGED + added + other, encoding="utf-8")
    given = official("4.0.0")
    checker = Checker(given.catalogue, given.directory, store=given._store, zuordnung=mistra_mapping(file))
    for xml, anlass in (
        (notice("42", DONE + DECISION), "verfahren_eingestellt"),
        (notice("42", DONE + DECISION + LEGAL), "verfahren_erledigt"),
        (notice("7").replace(b"artDerMistra", b"sonstigeAnlaesse"), "hauptverhandlung_termin"),
        (notice("42"), "weitere_mitteilung"),
    ):
        checked = await checker.check(xml, today=DAY, attachments=())
        assert checked.sachverhalt is not None
        assert checked.sachverhalt.anlass == anlass
    await checker.close()


def test_the_configuration_names_the_operators_file(tmp_path: Path) -> None:
    text = '[gateway]\nkennung = "gw:nrw"\n[schemata]\nzuordnung = "mistra.toml"\n'
    assert parse(text, tmp_path / "gateway.toml").schemata.zuordnung == tmp_path / "mistra.toml"
    with pytest.raises(SchemaMissing, match=r"mistra\.toml"):
        Checker.for_packaged(directory=packaged_directory(), zuordnung=tmp_path / "mistra.toml")
    assert SchemaStore().catalogue()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("wurzel = ", "wurzl = "), "wurzl"),
        ((f'wurzel = "{MITTEILUNG}', 'wurzel = "nachricht.x'), "wurzel"),
        (("fassung = ", "fassung = 4 #"), "fassung"),
        (('anlass = "asyl_mitteilung_8_1a"', 'anlass = "asyl"'), "asyl"),
        (('art = ["42a"]', 'art = "42a"'), "art"),
        (('art = ["42a"]', "art = []"), "art"),
        (('art = ["42a"]', 'arten = ["42a"]'), "arten"),
        (('art = ["42a"]', 'erledigungsart = ["42a"]'), "art"),
        (('["vollstreckungZurueckgestelltBis"]', '["vollstreckung"]'), "vollstreckung"),
        (('{ tatvorwurf = "darlegungSachverhalt" }', '{ tatvorwurf = "azr-Nr" }'), "orte"),
        (('entscheider = "gericht"', 'entscheider = "anwalt"'), "entscheider"),
        (('art = "42"\norte', 'art = "42"\nsonstiger_anlass = "1"\norte'), "genau eines"),
        (("[[regel]]", "[[regel"), ""),
    ],
)
def test_a_mapping_that_says_something_else_than_meant_is_refused(
    change: tuple[str, str], reason: str, tmp_path: Path
) -> None:
    assert change[0] in PACKAGED
    file = tmp_path / "mistra.toml"
    file.write_text(PACKAGED.replace(*change, 1), encoding="utf-8")
    with pytest.raises(SchemaMissing) as caught:
        mistra_mapping(file)
    assert reason in str(caught.value)


def test_every_shipped_rule_says_why_it_is_certain() -> None:
    mapping = Zuordnung.from_toml(tomllib.loads(PACKAGED))
    assert all(rule.weil and rule.anlass in ANLAESSE for rule in mapping.regeln)
    assert not [rule for rule in mapping.regeln if rule.erledigungsart or rule.sonstiger_anlass]
    empty = etree.fromstring(f'<{MITTEILUNG} xmlns="http://www.xjustiz.de"/>')
    assert mapping.facts(empty, None) is None  # type: ignore[arg-type]
