"""Heads of both own families and of official XJustiz as one value; authorities as keys."""

from __future__ import annotations

import pytest

from gateway.check import intake
from gateway.check.head import head_of, version_of
from gateway.check.resources import packaged_folder
from gateway.message import Kopf
from routing.verzeichnis import Verzeichnis

EXAMPLES = packaged_folder() / "beispiele"


def partner(directory: Verzeichnis, inner: str) -> str | None:
    xml = (
        '<nachricht.x xmlns="http://www.xjustiz.de"><nachrichtenkopf><absender><informationen>'
        f"<auswahl_kommunikationspartner>{inner}</auswahl_kommunikationspartner>"
        "</informationen></absender></nachrichtenkopf></nachricht.x>"
    )
    return head_of(intake.parse(xml.encode()).root, "xjustiz", directory).absender


@pytest.mark.parametrize(
    ("inner", "key"),
    [
        ('<gericht listVersionID="3.6"><code xmlns="">R3300S</code></gericht>', "gds:R3300S"),
        ("<polizeibehoerde><code>05171370484301</code></polizeibehoerde>", "pol:05171370484301"),
        ("<auslaenderbehoerde><code>abh:05315000</code></auslaenderbehoerde>", "abh:05315000"),
        ("<auslaenderbehoerde><code>zab:koeln</code></auslaenderbehoerde>", "zab:koeln"),
        ("<sonstige>bamf:zentrale</sonstige>", "bamf:zentrale"),
        ("<sonstige>zuErmitteln</sonstige>", None),
        ("<sonstige>Irgendein Amt</sonstige>", None),
        ("<sonstige>abh:zukurz</sonstige>", None),
        ("<rvTraeger><code>02</code></rvTraeger>", None),
        ("<finanzbehoerde><code>5100</code></finanzbehoerde>", None),
        ("<gericht/>", None),
        ("", None),
    ],
)
def test_partners_become_keys(inner: str, key: str | None, directory: Verzeichnis) -> None:
    assert partner(directory, inner) == key


def test_free_text_counts_only_as_the_exact_name_of_one_authority(directory: Verzeichnis) -> None:
    known = directory.behoerden["gds:R8088"]
    assert partner(directory, f"<sonstige>{known.name}</sonstige>") == "gds:R8088"
    assert partner(directory, f"<sonstige>\n  {known.name}\n</sonstige>") == "gds:R8088"
    assert partner(directory, f"<sonstige>{known.name} Ost</sonstige>") is None


def read(name: str, familie: str, directory: Verzeichnis) -> Kopf:
    root = intake.parse((EXAMPLES / name).read_bytes()).root
    return head_of(root, familie, directory)


def test_the_head_of_the_justiz_family(directory: Verzeichnis) -> None:
    kopf = read("mitteilung-2.1.xml", "justiz", directory)
    assert (kopf.absender, kopf.empfaenger, kopf.nummer, kopf.version) == (
        "pol:05211370455501",
        None,
        "9900001",
        "1.0.0",
    )
    assert (kopf.azr_nummer, kopf.aktenzeichen, kopf.fremde_id, kopf.test) == (
        "210417123456",
        "703000-123456-26/1",
        None,
        False,
    )
    assert len(kopf.dateien) == 1


def test_the_head_of_the_ausl_family(directory: Verzeichnis) -> None:
    kopf = read("zustaendigkeitsmitteilung.xml", "ausl", directory)
    assert (kopf.absender, kopf.empfaenger, kopf.nummer) == ("abh:05315000", "gds:R8088", "9900021")
    assert (kopf.aktenzeichen, kopf.aktenzeichen_empfaenger) == ("332-AE 4711/26", "4511 E 77/26")
    assert kopf.fremde_id == "0b6f6d0e-52b9-4c54-9d3e-0c1a5a1f2b02"


def test_ids_are_compared_in_lower_case(directory: Verzeichnis) -> None:
    text = (EXAMPLES / "haft-3.2.xml").read_text().replace("0b6f6d0e-52b9-4c54", "0B6F6D0E-52B9-4C54")
    kopf = head_of(intake.parse(text.encode()).root, "justiz", directory)
    assert kopf.eigene_id == "0b6f6d0e-52b9-4c54-9d3e-0c1a5a1f2b02"


@pytest.mark.parametrize("value", ["true", "false", "0", ""])
def test_the_mere_presence_of_test_marks_test_traffic(value: str, directory: Verzeichnis) -> None:
    for name, familie, place in (
        ("haft-3.2.xml", "justiz", "<nachrichtenkopf "),
        ("weiterleitung.xml", "ausl", "standard="),
    ):
        text = (EXAMPLES / name).read_text()
        mark = f'{place}test="{value}" ' if place.endswith(" ") else f'test="{value}" {place}'
        root = intake.parse(text.replace(place, mark, 1).encode()).root
        assert head_of(root, familie, directory).test


def test_the_version_stands_where_the_family_puts_it() -> None:
    def version(xml: bytes) -> str | None:
        return version_of(intake.parse(xml).root)

    assert version(b'<a version="9"><nachrichtenkopf version="1.0.0"/></a>') == "1.0.0"
    assert version(b'<a><nachrichtenkopf xjustizVersion="3.6.2"/></a>') == "3.6.2"
    assert version(b'<a version="1.2.3"><nachrichtenkopf.g2g/></a>') == "1.2.3"
    assert version(b"<a/>") is None
