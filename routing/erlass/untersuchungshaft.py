"""Number 3 of the decree: duties after Untersuchungshaft has begun.

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
    STA,
    Entbehrlich,
    Lage,
    Offen,
    Regel,
    Ziel,
    an_aktenlage,
    an_staatsanwaltschaften,
    fehlt,
    immer,
    nur_hinweise,
    ziel,
)
from routing.zustaendigkeit import zab_der_aufnahmeeinrichtung


def nr_3_1_und_3_2(lage: Lage) -> Ziel | Offen:
    """Begin, transfer and end of Untersuchungshaft: ZAB of the Aufnahmeeinrichtung, known ABH, ABH of the district.

    Source: „Die Justizvollzugsanstalt […] teilt […] der für diese Person zuständigen Ausländerbehörde den Antritt der
    Untersuchungshaft, die Verlegung in eine andere Justizvollzugsanstalt oder die Entlassung aus der Untersuchungshaft
    mit.“ (3.1) and 3.2 Satz 1 and 4.
    """
    if lage.sachverhalt.aufnahmeeinrichtung and lage.sachverhalt.aufnahmeeinrichtung.land_nrw:
        ergebnis = nr_3_2_satz_4(lage)
    elif lage.sachverhalt.bekannte_abh:
        ergebnis = an_bekannte_abh(lage, "3.1", lage.sachverhalt.bekannte_abh)
    else:
        ergebnis = abh_des_bezirks(lage, "3.2")
    if isinstance(ergebnis, Offen) or lage.sachverhalt.anlass != "untersuchungshaft_antritt":
        return ergebnis
    text = "Aufenthaltsbeendende Maßnahmen sind umgehend zu prüfen."
    folgen = (*ergebnis.folgen, Folge("pflicht", "3.3", text, ergebnis.adressaten[0].key))
    return Ziel(ergebnis.nummer, ergebnis.adressaten, ergebnis.gruende, ergebnis.hinweise, folgen, ergebnis.vorlaeufig)


def nr_3_2_satz_4(lage: Lage) -> Ziel | Offen:
    """The person must live, or is lodged, in an Aufnahmeeinrichtung of the Land: its ZAB, also over a known ABH.

    Source: „Ist der Ausländer zur Wohnsitznahme in einer Aufnahmeeinrichtung des Landes Nordrhein-Westfalen
    verpflichtet oder dort untergebracht, so ist gemäß § 15 Absatz 3 […] die zu unterrichtende Ausländerbehörde die
    Zentrale Ausländerbehörde des Regierungsbezirks, in dem sich die Aufnahmeeinrichtung befindet.“
    """
    nummer, bekannt = "3.2 Satz 4", lage.sachverhalt.bekannte_abh
    einrichtung = lage.sachverhalt.aufnahmeeinrichtung
    gefunden = zab_der_aufnahmeeinrichtung(lage.verzeichnis, einrichtung.ags if einrichtung else None)
    grund = Grund(nummer, gefunden.grund.text)
    if gefunden.abh is None:
        hinweise = [Hinweis(gefunden.grund.text)]
        if bekannt:
            hinweise.append(Hinweis(f"Als bekannt ist {lage.nenne(bekannt)} angegeben.", bekannt))
        return Offen(nummer, (grund,), tuple(hinweise))
    weitere = nur_hinweise(lage, gefunden.abh)
    if not bekannt or bekannt == gefunden.abh:
        return ziel(nummer, [(gefunden.abh, ABH)], grund, hinweise=weitere)
    text = f"Satz 4 geht auch der bekannten Ausländerbehörde {lage.nenne(bekannt)} vor."
    verdraengt = Hinweis(
        f"Bekannt war {lage.nenne(bekannt)}; unterrichtet wird die Zentrale Ausländerbehörde.", bekannt
    )
    andere = tuple(hinweis for hinweis in weitere if hinweis.vorschlag != bekannt)
    return ziel(
        nummer, [(gefunden.abh, ABH)], grund, Grund(nummer, text, auslegung=True), hinweise=(verdraengt, *andere)
    )


def entlassung(lage: Lage) -> bool:
    """A release from Untersuchungshaft has Vorrang."""
    return lage.sachverhalt.anlass == "untersuchungshaft_entlassung"


def _geprueft(lage: Lage) -> Folge:
    return Folge("erledigt", "3.3", "Aufenthaltsbeendende Maßnahmen sind geprüft.", lage.sachverhalt.absender)


def nr_3_3_vorab(lage: Lage) -> Entbehrlich | Offen | None:
    """The StA is told only if measures come into question.

    Source: „Kommen solche in Betracht, informiert sie unverzüglich die ermittlungsführende Staatsanwaltschaft“.
    """
    massnahmen = lage.sachverhalt.massnahmen_kommen_in_betracht
    if massnahmen is None:
        was = "Ob aufenthaltsbeendende Maßnahmen in Betracht kommen,"
        return fehlt("3.3", "massnahmen_kommen_in_betracht", was)
    if massnahmen:
        return None
    text = "Aufenthaltsbeendende Maßnahmen kommen nicht in Betracht; die Staatsanwaltschaft ist nicht zu informieren."
    return Entbehrlich("3.3", (Grund("3.3", text),), folgen=(_geprueft(lage),))


def nr_3_3(lage: Lage) -> Ziel | Offen:
    """The result of the examination, to every StA of the proceedings."""
    return an_staatsanwaltschaften(lage, "3.3", "Das Ergebnis der Prüfung", lambda _: _geprueft(lage))


def massnahmen(lage: Lage) -> bool:
    """A result that measures come into question has Vorrang."""
    return bool(lage.sachverhalt.massnahmen_kommen_in_betracht)


def pruefergebnis_liegt_vor(lage: Lage) -> bool:
    """„in diesen Fällen“ (3.4 Satz 1): the ABH has reported under 3.3."""
    return bool(lage.sachverhalt.pruefergebnis_nach_3_3) or lage.vorgang.pruefergebnis_3_3


def nr_3_4_satz_1_vorab(lage: Lage) -> Entbehrlich | None:
    """Without a result under 3.3 only the release itself is notified (Satz 2)."""
    if pruefergebnis_liegt_vor(lage):
        return None
    text = (
        "Satz 1 gilt nur, wenn die Ausländerbehörde ein Prüfergebnis nach Nummer 3.3 mitgeteilt hat. In sonstigen "
        "Fällen ist die Entlassung mitzuteilen, sobald sie bekannt ist (Satz 2, Anlass „entlassung_bekannt“)."
    )
    return Entbehrlich("3.4 Satz 1", (Grund("3.4 Satz 1", text),))


def nr_3_4_satz_1(lage: Lage) -> Ziel | Offen:
    """The StA means to apply for an end of custody.

    Source: „Die Staatsanwaltschaft unterrichtet in diesen Fällen die nach Aktenlage zuständige Ausländerbehörde,
    sobald sie beabsichtigt, die Aufhebung eines Haftbefehls oder die Verschonung vom Vollzug der Untersuchungshaft
    zu beantragen“.
    """
    return an_aktenlage(lage, "3.4 Satz 1", "Die Absicht der Staatsanwaltschaft, die Haft beenden zu lassen,")


def nr_3_4_satz_2(lage: Lage) -> Ziel | Offen:
    """The StA has learnt of the release.

    Source: „In sonstigen Fällen informiert die Staatsanwaltschaft die nach Aktenlage zuständige Ausländerbehörde
    unverzüglich, sobald sie von der Entlassung des Beschuldigten Kenntnis erlangt.“
    """
    return an_aktenlage(lage, "3.4 Satz 2", "Die Mitteilung der Entlassung")


def nr_3_4_satz_3(lage: Lage) -> Ziel | Offen:
    """The court means to release.

    Source: „Liegen bei der Staatsanwaltschaft Erkenntnisse darüber vor, dass das Gericht beabsichtigt, einen
    Beschuldigten aus der Untersuchungshaft zu entlassen, teilt sie dies […] ebenfalls unverzüglich mit.“
    """
    return an_aktenlage(lage, "3.4 Satz 3", "Die Mitteilung über die beabsichtigte Entlassung durch das Gericht")


REGELN: Final = (
    Regel(
        "3.1",
        ("untersuchungshaft_antritt", "untersuchungshaft_verlegung", "untersuchungshaft_entlassung"),
        JVA,
        nr_3_1_und_3_2,
        vorrang=entlassung,
    ),
    Regel("3.3", ("pruefergebnis_untersuchungshaft",), ABH, nr_3_3, nr_3_3_vorab, vorrang=massnahmen),
    Regel(
        "3.4 Satz 1",
        ("haftaufhebung_beabsichtigt", "haftverschonung_beabsichtigt"),
        STA,
        nr_3_4_satz_1,
        nr_3_4_satz_1_vorab,
        vorrang=pruefergebnis_liegt_vor,
    ),
    Regel("3.4 Satz 2", ("entlassung_bekannt",), STA, nr_3_4_satz_2, vorrang=immer),
    Regel("3.4 Satz 3", ("entlassung_durch_gericht_beabsichtigt",), STA, nr_3_4_satz_3, vorrang=immer),
)
"""The rows of chapter 3, in the order of the table."""
