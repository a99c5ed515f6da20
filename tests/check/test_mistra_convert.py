"""Our notice as the official one and back: valid on both sides, and nothing that both can say is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from lxml import etree

from gateway.check import intake
from gateway.check.checker import Checker
from gateway.check.facts import ROOTS, anlass_element, facts_from_xml
from gateway.check.head import head_of
from gateway.check.mistra import MITTEILUNG, Zuordnung
from gateway.check.mistra_convert import OWN_ROOT, from_mistra, to_mistra
from gateway.check.mistra_grammar import FIXED_LISTS
from gateway.check.resources import compiled, mistra_mapping, packaged_folder
from gateway.errors import Forbidden, Invalid
from gateway.route.resources import packaged_directory

from .conftest import SHARED, official_source

EXAMPLES = packaged_folder() / "beispiele"
MAPPING = mistra_mapping()
DIRECTORY = packaged_directory()
DAY = date(2027, 5, 3)
ANLAESSE = next(root.anlaesse for root in ROOTS if root.name == OWN_ROOT)
CONVERTIBLE = [anlass for anlass in ANLAESSE if anlass in MAPPING.schreibregeln]
OURS = compiled(packaged_folder() / "justiz" / "1.0" / "strafausl.xsd", packaged_folder())


@pytest.fixture(scope="module")
def theirs() -> etree.XMLSchema:
    folder = official_source("4.0.0")
    return compiled(folder / "xjustiz_0500_straf_4_0.xsd", folder)


def own(name: str) -> bytes:
    path = EXAMPLES / f"{name}.xml"
    return path.read_bytes() if path.is_file() else (EXAMPLES / name / "gueltig.xml").read_bytes()


ADDRESS = (
    '<anschrift><anschriftstyp listVersionID="3.0"><code xmlns="">003</code></anschriftstyp><ort>Bonn</ort></anschrift>'
)
MORE = (
    '<telekommunikation><telekommunikationsart listVersionID="2.3"><code xmlns="">003</code></telekommunikationsart>'
    "<verbindung>0228 000-1</verbindung></telekommunikation>"
    '<herkunftsland listVersionID="6.1"><code xmlns="">163</code></herkunftsland>'
    "<aliasNatuerlichePerson><vollerName><nachname>Muster</nachname></vollerName>"
    "</aliasNatuerlichePerson><ausweisdokument><ausweis.ID>X1</ausweis.ID><gueltigBis>2028-01-31</gueltigBis>"
    "</ausweisdokument>"
)
RICH = (
    own("mitteilung-2.1")
    .decode()
    .replace("<staatsangehoerigkeit", f"{ADDRESS}<staatsangehoerigkeit")
    .replace("</natuerlichePerson>", f"{MORE}</natuerlichePerson>")
    .encode()
)
"""A notice with every kind of content that is called differently on the other side."""


def shape(node: etree._Element | None) -> Any:
    """An element as a value: names, codes, texts; list versions where they are free."""
    if node is None:
        return None
    name = etree.QName(node).localname
    attributes = {} if name in FIXED_LISTS else dict(node.attrib)
    return name, attributes, (node.text or "").strip() if not len(node) else [shape(part) for part in node]


def part(xml: bytes, name: str) -> Any:
    return shape(intake.parse(xml).root.find(f"{{*}}{name}"))


def without_blocks(xml: bytes) -> bytes:
    """Our message without the blocks `behoerde`, which the official head does not have."""
    root = etree.fromstring(xml)
    for block in list(root.iter("{*}behoerde")):
        block.getparent().remove(block)
    return etree.tostring(root)


@pytest.mark.parametrize("name", [*CONVERTIBLE, "mitteilung-2.1", "rich"])
def test_there_and_back_loses_nothing_of_what_both_can_say(name: str, theirs: etree.XMLSchema) -> None:
    before = RICH if name == "rich" else own(name)
    assert OURS.validate(etree.fromstring(before)), OURS.error_log
    official = to_mistra(before, MAPPING, DIRECTORY)
    assert theirs.validate(etree.fromstring(official.xml)), theirs.error_log
    again = from_mistra(
        official.xml,
        MAPPING,
        DIRECTORY,
        sachverhalt=official.sachverhalt,
        einzelheiten=official.einzelheiten,
        rollennummer=official.rollennummer,
    )
    assert OURS.validate(etree.fromstring(again.xml)), OURS.error_log
    assert again.nicht_sagbar == ()
    assert all(place.endswith("behoerde") for place in official.nicht_sagbar)
    plain = without_blocks(before)
    for piece in ("nachrichtenkopf", "grunddaten", "schriftgutobjekte"):
        assert part(again.xml, piece) == part(plain, piece)
    for each in (plain, again.xml):
        root = intake.parse(each).root
        assert facts_from_xml(root, head_of(root, "justiz", DIRECTORY)) is not None
    assert details(again.xml) == details(plain)
    assert facts(again.xml) == facts(plain)


def facts(xml: bytes) -> Any:
    root = intake.parse(xml).root
    return facts_from_xml(root, head_of(root, "justiz", DIRECTORY))


def details(xml: bytes) -> Any:
    """What the Anlass holds, but for the known authority, which the head says as well."""
    occasion = anlass_element(intake.parse(xml).root)
    assert occasion is not None
    return [shape(node) for node in occasion if etree.QName(node).localname != "bekannteAbh"]


async def test_the_gateway_takes_what_it_makes_with_its_part(official: Callable[..., Checker]) -> None:
    for anlass in CONVERTIBLE:
        made = to_mistra(own(anlass), MAPPING, DIRECTORY)
        checked = await official("4.0.0").check(made.xml, today=DAY, attachments=None, sachverhalt=made.sachverhalt)
        before = facts(own(anlass))
        assert checked.sachverhalt is not None
        assert checked.sachverhalt.anlass == anlass
        assert checked.sachverhalt.as_json() == {**before.as_json(), "stand": DAY.isoformat()}


async def test_what_the_mapping_is_certain_of_needs_no_part(official: Callable[..., Checker]) -> None:
    made = to_mistra(own("erkenntnis_87_abs_2"), MAPPING, DIRECTORY)
    checked = await official("4.0.0").check(made.xml, today=DAY, attachments=None)
    assert checked.sachverhalt is not None
    assert checked.sachverhalt.anlass == "weitere_mitteilung"  # 42 alone names no Anlass


def test_what_is_said_officially_stands_in_its_official_place() -> None:
    root = etree.fromstring(to_mistra(own("haftbefehl_aufgehoben"), MAPPING, DIRECTORY).xml)
    facts_part = root.find("{*}fachdaten")
    assert facts_part is not None
    assert facts_part.findtext("{*}auswahl_anlass/{*}artDerMistra/code") == "42"
    assert facts_part.findtext("{*}azr-Nr") == "210417123456"
    assert facts_part.findtext("{*}datumDerErstenEntscheidung") == "2026-10-02"
    done = etree.fromstring(to_mistra(own("verfahren_erledigt"), MAPPING, DIRECTORY).xml)
    assert done.findtext("{*}fachdaten/{*}datumDerRechtskraft") == "2026-10-02"
    assert done.findtext("{*}fachdaten/{*}entscheidung/{*}entscheidendeBehoerde/code") == "R3306"
    head = done.find("{*}nachrichtenkopf")
    assert head is not None
    assert head.get("xjustizVersion") == "4.0.0"
    assert head.findtext("{*}empfaenger//{*}sonstige") == "abh:05315000"


def test_several_offences_come_back_as_several() -> None:
    more = "<tatvorwurf>Diebstahl (§ 242 StGB)</tatvorwurf><tatvorwurf>Betrug (§ 263 StGB)</tatvorwurf>"
    before = own("mitteilung-2.1").decode().replace("<tatvorwurf>Diebstahl (§ 242 StGB)</tatvorwurf>", more).encode()
    made = to_mistra(before, MAPPING, DIRECTORY)
    assert made.einzelheiten == {"eingeleitetAm": "2026-10-05"}
    again = from_mistra(made.xml, MAPPING, DIRECTORY, sachverhalt=made.sachverhalt, einzelheiten=made.einzelheiten)
    assert details(again.xml) == details(before)


@pytest.mark.parametrize("anlass", sorted(set(ANLAESSE) - set(CONVERTIBLE)))
def test_an_anlass_without_a_counterpart_is_not_guessed(anlass: str) -> None:
    with pytest.raises(Invalid) as caught:
        to_mistra(own(anlass), MAPPING, DIRECTORY)
    assert caught.value.code == "kein_gegenstueck"


def test_test_traffic_is_never_converted() -> None:
    xml = own("mitteilung-2.1").replace(b'version="1.0.0"', b'version="1.0.0" test="ja"', 1)
    with pytest.raises(Invalid) as caught:
        to_mistra(xml, MAPPING, DIRECTORY)
    assert caught.value.code == "testverkehr"


def test_other_roots_are_refused_in_both_directions() -> None:
    for convert in (to_mistra, from_mistra):
        with pytest.raises(Invalid) as caught:
            convert(own("haft-3.2"), MAPPING, DIRECTORY)
        assert caught.value.code == "wurzel_unbekannt"


def foreign(*changes: tuple[str, str]) -> bytes:
    """The official example with other content."""
    official_source("4.0.0")
    path = SHARED / "examples" / f"{MITTEILUNG}.xml"
    if not path.is_file():
        pytest.skip("the official example lies in ../shared only")
    text = path.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return text.encode()


PART = {"anlass": "erkenntnis_87_abs_2", "absender": "gds:R3300S"}
TOLD = (
    "<tns:azr-Nr>270503123456</tns:azr-Nr>",
    "<tns:azr-Nr>270503123456</tns:azr-Nr>"
    "<tns:darlegungSachverhalt>Verstoß gegen eine räumliche Beschränkung</tns:darlegungSachverhalt>",
)


def test_an_official_notice_becomes_ours_with_its_part() -> None:
    made = from_mistra(foreign(TOLD), MAPPING, DIRECTORY, sachverhalt=PART)
    root = etree.fromstring(made.xml)
    assert OURS.validate(root), OURS.error_log
    assert root.findtext(".//{*}erkenntnis") == "Verstoß gegen eine räumliche Beschränkung"
    assert root.findtext(".//{*}empfaenger//{*}sonstige") == "zuErmitteln"
    assert [place.rpartition("/")[2] for place in made.nicht_sagbar] == ["xjustiz:sonstige"]


def test_a_named_authority_becomes_its_key() -> None:
    xml = foreign(TOLD, ("Stadt Köln, Ausländeramt", "Stadt Köln - Ausländerbehörde"))
    made = from_mistra(xml, MAPPING, DIRECTORY, sachverhalt=PART)
    assert etree.fromstring(made.xml).findtext(".//{*}empfaenger//{*}auslaenderbehoerde/code") == "abh:05315000"
    assert made.nicht_sagbar == ()


def test_what_ours_cannot_say_is_named_and_left_out(theirs: etree.XMLSchema) -> None:
    card = (
        "<tns:ausweisdokument><tns:gueltigkeit><tns:ende>2028-01-31</tns:ende></tns:gueltigkeit></tns:ausweisdokument>"
    )
    xml = foreign(
        TOLD,
        ("<tns:rolle><tns:rollennummer>1</tns:rollennummer>", "<tns:rolle>"),
        ("</tns:staatsangehoerigkeit>", "</tns:staatsangehoerigkeit><tns:beruf>Koch</tns:beruf>"),
        ("</tns:natuerlichePerson>", f"{card}</tns:natuerlichePerson>"),
    )
    assert theirs.validate(etree.fromstring(xml)), theirs.error_log
    made = from_mistra(xml, MAPPING, DIRECTORY, sachverhalt=PART)
    assert OURS.validate(etree.fromstring(made.xml)), OURS.error_log
    assert {place.rpartition(":")[2] for place in made.nicht_sagbar} == {"beruf", "ausweisdokument", "sonstige"}


@pytest.mark.parametrize(
    ("changes", "more", "code"),
    [
        ((), {}, "anlass_unklar"),
        ((), {"sachverhalt": {"anlass": "untersuchungshaft_antritt", "absender": "gds:R3300S"}}, "anlass_unklar"),
        ((("<code>031</code>", "<code>999</code>"),), {"sachverhalt": PART}, None),
        (
            (
                (
                    "</tns:beteiligung>",
                    "</tns:beteiligung><tns:beteiligung><tns:rolle/><tns:beteiligter>"
                    "<tns:auswahl_beteiligter><tns:natuerlichePerson><tns:vollerName><tns:nachname>B</tns:nachname>"
                    "</tns:vollerName></tns:natuerlichePerson></tns:auswahl_beteiligter></tns:beteiligter>"
                    "</tns:beteiligung>",
                ),
                ("<code>031</code>", "<code>999</code>"),
            ),
            {"sachverhalt": PART},
            "person_unklar",
        ),
    ],
)
def test_what_is_not_certain_is_asked_for(
    changes: tuple[tuple[str, str], ...], more: dict[str, Any], code: str | None
) -> None:
    xml = foreign(TOLD, *changes)
    if code is None:
        assert OURS.validate(etree.fromstring(from_mistra(xml, MAPPING, DIRECTORY, **more).xml))
        return
    with pytest.raises(Invalid) as caught:
        from_mistra(xml, MAPPING, DIRECTORY, **more)
    assert caught.value.code == code
    if code == "person_unklar":
        made = from_mistra(xml, MAPPING, DIRECTORY, rollennummer="2", **more)
        assert etree.fromstring(made.xml).findtext(".//{*}betroffenePerson/{*}ref.rollennummer") == "2"


def test_nobody_converts_in_anothers_name() -> None:
    with pytest.raises(Forbidden):
        from_mistra(foreign(TOLD), MAPPING, DIRECTORY, sachverhalt={**PART, "absender": "gds:R3306"})


def test_a_certain_official_notice_needs_no_part() -> None:
    done = (
        '<tns:erledigungsart listVersionID="1"><code>1</code></tns:erledigungsart><tns:entscheidung>'
        '<tns:entscheidendeBehoerde listVersionID="3.7"><code>R3306</code></tns:entscheidendeBehoerde>'
        "<tns:aktenzeichen>501 Ls 1/27</tns:aktenzeichen><tns:datum>2027-04-20</tns:datum></tns:entscheidung>"
        "<tns:datumDerRechtskraft>2027-04-28</tns:datumDerRechtskraft>"
    )
    xml = foreign(("</tns:fachdaten>", f"{done}</tns:fachdaten>"))
    verdict = {
        "auswahl_erledigung": {
            "verurteilung": {
                "auswahl_urteil": {"urteilFolgt": True},
                "auswahl_rechtsfolge": {"ohneFreiheitsentziehung": True},
            }
        }
    }
    made = from_mistra(xml, MAPPING, DIRECTORY, einzelheiten=verdict)
    root = etree.fromstring(made.xml)
    assert OURS.validate(root), OURS.error_log
    assert root.findtext(".//{*}verfahrenErledigt/{*}erledigtAm") == "2027-04-20"
    assert root.findtext(".//{*}verurteilung/{*}rechtskraftAm") == "2027-04-28"


def test_mappings_of_an_operator_open_more() -> None:
    data = {
        "name": "x",
        "wurzel": MITTEILUNG,
        "fassung": "1",
        "anlass": [{"anlass": "hauptverhandlung_termin", "sonstiger_anlass": "7"}],
    }
    made = to_mistra(own("hauptverhandlung_termin"), Zuordnung.from_toml(data), DIRECTORY)
    assert etree.fromstring(made.xml).findtext(".//{*}sonstigeAnlaesse/code") == "7"
    assert set(made.einzelheiten) == {"termin", "terminsort"}
