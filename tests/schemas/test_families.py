"""The XSDs load everywhere, stay in their folder, share their content models, agree with catalogue and contract."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

import schemas

SCHEMAS = Path(__file__).parents[2] / "schemas"
XS = "{http://www.w3.org/2001/XMLSchema}"
FOLDERS = {"justiz": SCHEMAS / "justiz/1.0", "ausl": SCHEMAS / "ausl/1.0"}
NAMESPACES = {"justiz": "urn:de:nrw:strafausl:1", "ausl": "urn:de:nrw:auslstraf:1"}
FORMS = {"justiz": "qualified", "ausl": "unqualified"}
CATALOGUE: dict[str, Any] = tomllib.loads((SCHEMAS / schemas.KATALOG).read_text(encoding="utf-8"))
OWN = [pack for pack in CATALOGUE["pack"] if pack["familie"] != "xjustiz"]


def xsds(family: str) -> list[Path]:
    return sorted(FOLDERS[family].glob("*.xsd"))


def trees(family: str) -> list[Any]:
    return [etree.parse(str(path)).getroot() for path in xsds(family)]


@pytest.mark.parametrize("family", FOLDERS)
def test_both_validators_load_the_entry_and_know_the_same_roots(family: str, families) -> None:
    pack = next(pack for pack in OWN if pack["familie"] == family)
    declared = {node.get("name") for tree in trees(family) for node in tree.iterchildren(f"{XS}element")}
    loaded = families[NAMESPACES[family]]
    assert set(loaded.python.elements) == declared == {entry["wurzel"] for entry in pack["nachricht"]}


@pytest.mark.parametrize("family", FOLDERS)
def test_every_file_loads_on_its_own(family: str) -> None:
    for path in xsds(family):
        assert etree.XMLSchema(etree.parse(str(path))) is not None, path


@pytest.mark.parametrize("family", FOLDERS)
def test_every_file_states_its_family_and_leaves_its_folder_never(family: str) -> None:
    names = {path.name for path in xsds(family)}
    for tree in trees(family):
        assert tree.get("targetNamespace") == NAMESPACES[family]
        assert tree.get("elementFormDefault") == FORMS[family]
        assert not list(tree.iter(f"{XS}import", f"{XS}redefine", f"{XS}any", f"{XS}anyAttribute"))
        for include in tree.iter(f"{XS}include"):
            assert include.get("schemaLocation") in names


@pytest.mark.parametrize("name", ["din91379", "typen", "codes", "verfahren", "schriftgut", "sachverhalt"])
def test_content_models_are_the_same_in_both_families(name: str) -> None:
    def neutral(family: str) -> str:
        text = (FOLDERS[family] / f"{name}.xsd").read_text(encoding="utf-8")
        form = f'elementFormDefault="{FORMS[family]}"'
        return text.replace(NAMESPACES[family], "urn:x").replace(form, "")

    assert neutral("justiz") == neutral("ausl")


@pytest.mark.parametrize("family", FOLDERS)
def test_codes_have_an_unqualified_code_a_fixed_list_and_a_required_version(family: str) -> None:
    found = [
        t for tree in trees(family) for t in tree.iter(f"{XS}complexType") if (t.get("name") or "").startswith("Code.")
    ]
    assert len(found) > 20
    for kind in found:
        (code,) = kind.iter(f"{XS}element")
        assert (code.get("name"), code.get("form")) == ("code", "unqualified")
        uri, version = kind.iterchildren(f"{XS}attribute")
        assert uri.get("fixed").startswith("urn:")
        assert version.get("use") == "required"
    lists = {kind.get("name"): kind.find(f"{XS}attribute").get("fixed") for kind in found}
    assert lists["Code.Gericht"] == "urn:xoev-de:xjustiz:codeliste:gds.gerichte"
    assert lists["Code.Polizeibehoerde"] == "urn:xoev-de:xjustiz:codeliste:gds.polizeibehoerden"
    assert lists["Code.Auslaenderbehoerde"] == "urn:de:xauslaender:codelist:abhkennung"
    assert lists["Code.Fehler"] == "urn:xoev-de:xjustiz:codeliste:gds.fehlercodes"


@pytest.mark.parametrize("pack", OWN, ids=lambda pack: pack["name"])
def test_the_catalogue_describes_what_is_there(pack: dict[str, Any]) -> None:
    assert (SCHEMAS / pack["einstieg"]).parent == FOLDERS[pack["familie"]]
    assert pack["namensraum"] == NAMESPACES[pack["familie"]]
    assert pack["gueltig_ab"] == date(2026, 1, 1)
    assert "gueltig_bis" not in pack
    for entry in pack["nachricht"]:
        assert entry["wurzel"].endswith(f".{entry['nummer']}")
        assert entry["entscheidet"] is bool(entry["anlaesse"])


def test_the_catalogue_knows_the_days_of_official_xjustiz_and_ships_none_of_it() -> None:
    official = {pack["fassung"]: pack for pack in CATALOGUE["pack"] if pack["familie"] == "xjustiz"}
    assert official["3.6.2"]["gueltig_ab"] == date(2026, 4, 30)
    assert official["4.0.0"]["gueltig_ab"] == date(2027, 4, 30)
    assert (official["4.0.0"]["gueltig_ab"] - official["3.6.2"]["gueltig_bis"]).days == 1
    assert all("einstieg" not in pack and pack["namensraum"] == "http://www.xjustiz.de" for pack in official.values())
    assert CATALOGUE["ueberlappung_tage"] == 0
    assert {path.relative_to(SCHEMAS).parts[0] for path in SCHEMAS.rglob("*.xsd")} == {"justiz", "ausl"}
