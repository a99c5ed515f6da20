"""Number 5 of the decree: duties after a court has disposed of the proceedings.

Promises: one pure function a number; each says which sentence it implements.
Fails: not at all.
"""

from __future__ import annotations

from typing import Final

from routing.entscheidung import Folge, Grund, Hinweis
from routing.erlass.anstalt import abh_des_bezirks, an_bekannte_abh
from routing.erlass.lage import (
    ABH,
    JVA,
    VOLLSTRECKUNG,
    Lage,
    Offen,
    Regel,
    Ziel,
    an_aktenlage,
    an_ersuchende,
    fehlt,
    immer,
    mit,
    nach_aktenlage,
    ziel,
)
from routing.zustaendigkeit import zab_der_aufnahmeeinrichtung

VOLLSTRECKUNGSBEHOERDEN: Final = frozenset({"sta", "gericht"})
"""Kinds in the directory that can enforce a judgment; that a court acts as Vollstreckungsleiter, the ABH says."""
ANSTALTEN: Final = frozenset({"jva", "mrv"})
"""„Justizvollzugsanstalt beziehungsweise Maßregelvollzugseinrichtung“ (5.6 Satz 2)."""


def nr_5_1(lage: Lage) -> Ziel | Offen:
    """Disposal of the proceedings, and the judgment that follows.

    Source: „Die Staatsanwaltschaft oder […] der Vollstreckungsleiter als Vollstreckungsbehörde teilt der nach Aktenlage
    zuständigen Ausländerbehörde […] unmittelbar die gerichtliche Erledigung des Strafverfahrens mit und übersendet
    ihr im Falle einer Verurteilung nach Vorliegen das rechtskräftige Urteil nebst Gründen.“
    """
    absender = lage.sachverhalt.absender
    if lage.sachverhalt.anlass == "urteil_nachgereicht":
        folge = Folge("erledigt", "5.1", "Das rechtskräftige Urteil ist übersandt.", absender)
        return an_aktenlage(lage, "5.1", "Das rechtskräftige Urteil", folgen=[folge])
    text = (
        "Folgt das rechtskräftige Urteil oder der Zeitpunkt für eine Maßnahme nach § 456a StPO erst nach, ist es "
        "nachzureichen."
    )
    folge = Folge("bedingte_pflicht", "5.1", text, absender)
    return an_aktenlage(lage, "5.1", "Die gerichtliche Erledigung des Strafverfahrens", folgen=[folge])


def nr_5_2(lage: Lage) -> Ziel | Offen:
    """Revocations.

    Source: „Die Staatsanwaltschaft oder […] der Vollstreckungsleiter […] teilt der zuständigen Ausländerbehörde […]
    unverzüglich den Widerruf einer Strafaussetzung zur Bewährung sowie den Widerruf der Zurückstellung der
    Strafvollstreckung mit.“
    """
    return an_aktenlage(lage, "5.2", "Der Widerruf")


def nr_5_3_und_5_4(lage: Lage) -> Ziel | Offen:
    """Begin, transfer and release dates of Strafhaft and Auslieferungshaft: known ABH, else ABH of the district.

    5.4 has no sentence on the ZAB, so an Aufnahmeeinrichtung only gives a hint.

    Source: „Die Justizvollzugsanstalt […] teilt […] der für diese Person zuständigen Ausländerbehörde den Antritt der
    Strafhaft, die Verlegung in eine andere Justizvollzugsanstalt sowie den vorgesehenen und den festgesetzten Termin
    für die Entlassung aus der Strafhaft mit. Über Änderungen mitgeteilter Entlassungstermine ist die zuständige
    Ausländerbehörde […] zu informieren […]. Auf Fälle der Auslieferungshaft ist Satz 1 entsprechend anwendbar.“
    (5.3) and 5.4 Satz 1.
    """
    bekannt = lage.sachverhalt.bekannte_abh
    ergebnis = an_bekannte_abh(lage, "5.3", bekannt) if bekannt else abh_des_bezirks(lage, "5.4")
    return mit(ergebnis, hinweise=_zab_hinweis(lage))


def _zab_hinweis(lage: Lage) -> tuple[Hinweis, ...]:
    """The ZAB of a named Aufnahmeeinrichtung of the Land (§ 15 Abs. 3 ZustAVO)."""
    einrichtung = lage.sachverhalt.aufnahmeeinrichtung
    if einrichtung is None or not einrichtung.land_nrw:
        return ()
    gefunden = zab_der_aufnahmeeinrichtung(lage.verzeichnis, einrichtung.ags)
    text = f"{gefunden.grund.nummer}: {gefunden.grund.text} Nummer 5.4 kennt dafür keine eigene Regel."
    return (Hinweis(text, gefunden.abh),)


def entlassung_steht_bevor(lage: Lage) -> bool:
    """Source: „bei kurz bevorstehenden Entlassungsterminen erfolgt die Mitteilung unverzüglich“ (5.3 Satz 2)."""
    am, stand = lage.sachverhalt.entlassung_am, lage.sachverhalt.stand
    return am is not None and stand is not None and (am - stand).days <= lage.einstellungen.vorrang_tage


def nr_5_5_ersuchen(lage: Lage) -> Ziel | Offen:
    """Request to see the Gefangenenpersonalakte.

    Source: „Die Justizvollzugsanstalten gewähren zur Vorbereitung aufenthaltsbeendender Maßnahmen der Ausländerbehörde
    Akteneinsicht in die Gefangenenpersonalakte“.
    """
    anstalt = lage.sachverhalt.haftanstalt
    if anstalt is None:
        return fehlt("5.5", "haftanstalt", "Die Justizvollzugsanstalt")
    text = f"Das Ersuchen um Akteneinsicht geht an die Justizvollzugsanstalt: {lage.nenne(anstalt)}."
    return ziel("5.5", [(anstalt, JVA)], Grund("5.5", text))


def nr_5_5_antwort(lage: Lage) -> Ziel | Offen:
    """The answer goes back to the ABH that asked."""
    return an_ersuchende(lage, "5.5", "Die Antwort auf das Ersuchen um Akteneinsicht")


def nr_5_6_satz_1(lage: Lage) -> Ziel | Offen:
    """The ABH's result on Abschiebung and Überstellung.

    Source: „Die Ausländerbehörde prüft die Möglichkeit der Überstellung oder der Abschiebung, teilt das Ergebnis ihrer
    Prüfung umgehend, jedoch spätestens einen Monat vor dem Halbstrafenzeitpunkt der Vollstreckungsbehörde mit und regt
    gegebenenfalls eine Maßnahme nach § 456a StPO an.“
    """
    behoerde = lage.sachverhalt.vollstreckungsbehoerde
    if behoerde is None:
        return fehlt("5.6 Satz 1", "vollstreckungsbehoerde", "Die Vollstreckungsbehörde")
    text = f"Das Ergebnis der Prüfung geht an die Vollstreckungsbehörde: {lage.nenne(behoerde)}."
    folge = Folge("erledigt", "5.6 Satz 1", "Das Ergebnis der Prüfung ist mitgeteilt.", lage.sachverhalt.absender)
    return ziel("5.6 Satz 1", [(behoerde, VOLLSTRECKUNGSBEHOERDEN)], Grund("5.6 Satz 1", text), folgen=[folge])


def nr_5_6_satz_2(lage: Lage) -> Ziel | Offen:
    """The decision under § 456a StPO, to the ABH and then to the institution.

    Source: „[…] trifft die Entscheidung nach § 456a StPO so frühzeitig, dass die zur Entlassung und
    Aufenthaltsbeendigung notwendigen Vorbereitungen der Justizvollzugsanstalt beziehungsweise
    Maßregelvollzugseinrichtung und der Ausländerbehörde fristgemäß getroffen werden können.“
    """
    nummer, anstalt = "5.6 Satz 2", lage.sachverhalt.haftanstalt
    akte = nach_aktenlage(lage)
    if akte is None and anstalt is None:
        text = "Weder Ausländerbehörde noch Haftanstalt sind bekannt („bekannte_abh“ und „haftanstalt“ fehlen)."
        return Offen(nummer, (Grund(nummer, text),))
    adressaten: list[tuple[str, frozenset[str] | None]] = []
    gruende: list[Grund] = []
    hinweise: tuple[Hinweis, ...] = ()
    folgen: list[Folge] = []
    if akte is not None:
        abh, quelle, hinweise = akte
        adressaten.append((abh, ABH))
        gruende.append(Grund(nummer, f"Die Ausländerbehörde bereitet sich vor, {quelle} {lage.nenne(abh)}."))
    else:
        text = "Die nach Aktenlage zuständige Ausländerbehörde ist nicht bekannt („bekannte_abh“ fehlt)."
        folgen.append(Folge("klaerung", nummer, text))
        gruende.append(Grund(nummer, text))
    if anstalt is not None:
        adressaten.append((anstalt, ANSTALTEN))
        gruende.append(Grund(nummer, f"Die Anstalt bereitet die Entlassung vor: {lage.nenne(anstalt)}."))
    return ziel(nummer, adressaten, *gruende, hinweise=hinweise, folgen=folgen)


REGELN: Final = (
    Regel("5.1", ("verfahren_erledigt", "urteil_nachgereicht"), VOLLSTRECKUNG, nr_5_1),
    Regel(
        "5.2",
        ("strafaussetzung_widerrufen", "zurueckstellung_strafvollstreckung_widerrufen"),
        VOLLSTRECKUNG,
        nr_5_2,
        vorrang=immer,
    ),
    Regel(
        "5.3",
        (
            "strafhaft_antritt",
            "strafhaft_verlegung",
            "entlassungstermin_vorgesehen",
            "entlassungstermin_festgesetzt",
            "entlassungstermin_geaendert",
            "auslieferungshaft_antritt",
            "auslieferungshaft_verlegung",
        ),
        JVA,
        nr_5_3_und_5_4,
        vorrang=entlassung_steht_bevor,
    ),
    Regel("5.5", ("akteneinsicht_ersuchen",), ABH, nr_5_5_ersuchen),
    Regel("5.5", ("akteneinsicht_antwort",), JVA, nr_5_5_antwort),
    Regel("5.6 Satz 1", ("pruefergebnis_vollstreckung",), ABH, nr_5_6_satz_1),
    Regel("5.6 Satz 2", ("entscheidung_456a",), VOLLSTRECKUNG, nr_5_6_satz_2),
)
"""The rows of chapter 5, in the order of the table."""
