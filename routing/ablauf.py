"""How the rules are read (requirements.md 2a.1): the one order in which every notice is decided.

Promises: a pure function of values; every well-formed Sachverhalt has exactly one outcome and never an exception.
The order: valid rules, sender in the directory, sender kind, entbehrlich, AZR asked, recipient, recipient in the
directory, Nr. 1.
Fails: not at all.
"""

from __future__ import annotations

import calendar
import datetime
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from routing.entscheidung import Entscheidung, Folge, Frist, Grund, Hinweis
from routing.erlass.lage import (
    ART_NAMEN,
    STRAFVERFOLGUNG,
    Adressat,
    Entbehrlich,
    Lage,
    Offen,
    Regel,
    Ziel,
    nach_aktenlage,
)
from routing.erlass.tabelle import ERLASS_2022, TABELLEN
from routing.regelwerk import Einstellungen, Regelwerk
from routing.sachverhalt import Sachverhalt, Vorgangslage
from routing.verzeichnis import AUSLAENDERBEHOERDEN, Behoerde, Verzeichnis

D = TypeVar("D", Grund, Hinweis)

UNBEKANNT: Final = "unbekannt"
"""Kind of a sender that is not in the directory; no row names it."""


@dataclass(frozen=True, slots=True)
class Unzulaessig:
    """No row lets this sender post this Anlass."""

    nummer: str
    gruende: tuple[Grund, ...]
    hinweise: tuple[Hinweis, ...] = ()


Urteil = Ziel | Offen | Entbehrlich | Unzulaessig


def entscheide(
    sachverhalt: Sachverhalt,
    vorgangslage: Vorgangslage,
    verzeichnis: Verzeichnis,
    regelwerk: Regelwerk,
    einstellungen: Einstellungen,
) -> Entscheidung:
    """Decides one notice.

    Args:
        sachverhalt: its facts; `stand` is the day of receipt, which the shell sets.
        vorgangslage: what its Vorgang adds.
        verzeichnis: the directory.
        regelwerk: versions of the decree and of the ZustAVO.
        einstellungen: what the operator has set and permitted.

    Returns:
        The decision, with its reasons.

    Source: requirements.md 2a and 3.
    """
    absender = verzeichnis.behoerde(sachverhalt.absender, sachverhalt.stand)
    lage = Lage(
        sachverhalt,
        vorgangslage,
        verzeichnis,
        einstellungen,
        absender or _unbekannt(sachverhalt.absender),
    )
    fassungen = regelwerk.am(sachverhalt.stand)
    tabelle = TABELLEN.get(fassungen[0].tabelle or fassungen[0].fassung) if fassungen else None
    zeilen = [regel for regel in tabelle or ERLASS_2022 if sachverhalt.anlass in regel.anlaesse]
    regel = _zeile(lage, zeilen)
    if tabelle is None:
        text = "Für den Stand gibt es keine gültige Fassung von Erlass oder ZustAVO."
        urteil: Urteil = Offen(zeilen[0].zeile, (Grund(zeilen[0].zeile, text),))
    else:
        urteil = _urteile(lage, zeilen[0], regel)
    entscheidung = _entscheidung(lage, regel or zeilen[0], urteil)
    namen = tuple((fassung.name, fassung.fassung) for fassung in fassungen or ())
    return replace(entscheidung, regelwerk=namen)


def arten(lage: Lage) -> frozenset[str]:
    """The sender kinds that a sender has: a court is also Vollstreckungsleiter, if an Amtsgericht in a JGG matter."""
    leiter = lage.absender.stufe == "AG" and lage.absender.art == "gericht" and bool(lage.sachverhalt.jgg_verfahren)
    return frozenset({lage.absender.art, "vollstreckungsleiter"} if leiter else {lage.absender.art})


def _zeile(lage: Lage, zeilen: list[Regel]) -> Regel | None:
    """The row that lets this sender post this Anlass."""
    if lage.absender.art == UNBEKANNT:
        return None
    passende = (z for z in zeilen if (z.absender is None or z.absender & arten(lage)) and z.darf(lage))
    return next(passende, None)


def _urteile(lage: Lage, erste: Regel, regel: Regel | None) -> Urteil:
    """The steps of 2a.1 up to the directory check, each of which may end it."""
    if regel is None:
        return _ohne_zeile(lage, erste.zeile)
    besteht: tuple[Grund, ...] = ()
    vorab = regel.vorab(lage)
    if isinstance(vorab, Offen):
        return vorab
    if vorab is not None:
        if not lage.sachverhalt.bestehen_auf:
            return vorab
        besteht = _besteht(lage, vorab)
    gefunden = regel.empfaenger(lage)
    if isinstance(gefunden, Offen):
        return replace(gefunden, gruende=(*besteht, *gefunden.gruende))
    danach = regel.danach(lage, gefunden)
    if isinstance(danach, Entbehrlich):
        if not lage.sachverhalt.bestehen_auf:
            return danach
        besteht += _besteht(lage, danach)
        danach = gefunden
    return _im_verzeichnis(lage, replace(danach, gruende=(*besteht, *danach.gruende)))


def _ohne_zeile(lage: Lage, nummer: str) -> Offen | Unzulaessig:
    """The sender is not in the directory, or no row names it; a permit of the operator makes Klärung of the latter."""
    absender, anlass = lage.sachverhalt.absender, lage.sachverhalt.anlass
    if lage.absender.art == UNBEKANNT:
        text = f"Der Absender {absender} steht nicht im Verzeichnis."
        return Offen(nummer, (Grund(nummer, text),), (Hinweis(text, absender),))
    text = (
        f"{lage.nenne(absender)} darf den Anlass „{anlass}“ nicht mitteilen; der Erlass nennt diese Stelle dafür nicht."
    )
    erlaubnis = lage.einstellungen.erlaubnis(absender, anlass, lage.sachverhalt.stand)
    if erlaubnis is None:
        return Unzulaessig(nummer, (Grund(nummer, text),))
    erlaubt = f"Der Betrieb hat dies bis zum {erlaubnis.bis:%d.%m.%Y} zugelassen: {erlaubnis.grund}"
    return Offen(nummer, (Grund(nummer, text), Grund(nummer, erlaubt)))


def _besteht(lage: Lage, entbehrlich: Entbehrlich) -> tuple[Grund, ...]:
    """Reasons of a delivery on which the sender insists (2a.2)."""
    text = f"Die Mitteilung ist entbehrlich; der Absender besteht auf der Zustellung: {lage.sachverhalt.bestehen_auf}"
    return (*entbehrlich.gruende, Grund(entbehrlich.nummer, text))


def _mangel(lage: Lage, adressat: Adressat) -> str | None:
    """Why a named recipient cannot be one: not in the directory, or of the wrong kind."""
    behoerde = lage.verzeichnis.behoerde(adressat.key, lage.sachverhalt.stand)
    if behoerde is None:
        return f"Die genannte Behörde {adressat.key} steht nicht im Verzeichnis."
    if adressat.arten is not None and behoerde.art not in adressat.arten:
        return f"{lage.nenne(adressat.key)} ist {ART_NAMEN.get(adressat.arten, 'hierfür keine zuständige Stelle')}."
    return None


def _im_verzeichnis(lage: Lage, ziel: Ziel) -> Ziel | Offen:
    """Only authorities of the directory receive; if all fail it is Klärung, else each failure is a Folge (2a.5)."""
    befunde = [(adressat, _mangel(lage, adressat)) for adressat in ziel.adressaten]
    gute = tuple(adressat for adressat, mangel in befunde if mangel is None)
    maengel = {a.key: mangel for a, mangel in befunde if mangel is not None and a.key not in {g.key for g in gute}}
    if not maengel:
        return replace(ziel, adressaten=gute)
    hinweise = (*ziel.hinweise, *(Hinweis(text, key) for key, text in maengel.items()))
    if not gute:
        return Offen(ziel.nummer, (*ziel.gruende, *(Grund(ziel.nummer, text) for text in maengel.values())), hinweise)
    folgen = tuple(folge for folge in ziel.folgen if folge.pflichtig not in maengel and folge.empfaenger not in maengel)
    klaerung = tuple(Folge("klaerung", ziel.nummer, text, empfaenger=key) for key, text in maengel.items())
    return replace(ziel, adressaten=gute, hinweise=hinweise, folgen=folgen + klaerung)


def _entscheidung(lage: Lage, regel: Regel, urteil: Urteil) -> Entscheidung:
    """The outcome of a judgment, with Nr. 1, deadlines and the hints that hold for every number."""
    frist, lesart = _frist(lage, urteil)
    hinweise = _einmal(*urteil.hinweise, *_allgemeine_hinweise(lage, regel))
    begruendung = _einmal(*urteil.gruende, *lesart)
    vorrang = lage.vorgang.freigegeben or regel.vorrang(lage)
    if isinstance(urteil, Unzulaessig):
        return Entscheidung("unzulaessig", urteil.nummer, begruendung, hinweise=hinweise, fristen=frist)
    if isinstance(urteil, Offen):
        return Entscheidung("klaerung", urteil.nummer, begruendung, vorrang=vorrang, hinweise=hinweise, fristen=frist)
    if isinstance(urteil, Entbehrlich):
        return Entscheidung(
            "entbehrlich", urteil.nummer, begruendung, hinweise=hinweise, fristen=frist, folgen=urteil.folgen
        )
    zustellung = Entscheidung(
        "zustellen",
        urteil.nummer,
        begruendung,
        tuple(adressat.key for adressat in urteil.adressaten),
        urteil.vorlaeufig,
        vorrang,
        hinweise,
        frist,
        urteil.folgen,
    )
    return zurueckgestellt(lage, zustellung) if _ist_zurueckgestellt(lage) else zustellung


def _einmal(*dinge: D) -> tuple[D, ...]:
    """The same things in the same order, each once."""
    return tuple(dict.fromkeys(dinge))


def _ist_zurueckgestellt(lage: Lage) -> bool:
    """Whether the sender withholds the notice: only Polizei, StA and courts can, and only until it is released."""
    darf = lage.absender.art in STRAFVERFOLGUNG and not lage.vorgang.freigegeben
    return darf and bool(lage.sachverhalt.gefaehrdet_untersuchungszweck)


def zurueckgestellt(lage: Lage, zustellung: Entscheidung) -> Entscheidung:
    """Withheld: it starts nothing but the sender's own duty to make up for it.

    Source: „Eine Mitteilung kann zurückgestellt werden, solange sie den Untersuchungszweck gefährdet […]. Nach
    Fortfall des Hinderungsgrundes ist sie unverzüglich nachzuholen.“ (Nr. 1 Absatz 1)
    """
    grund = Grund("1", "Der Absender stellt die Mitteilung zurück, solange sie den Untersuchungszweck gefährdet.")
    text = "Nach Fortfall des Hinderungsgrundes ist die Mitteilung unverzüglich nachzuholen."
    return replace(
        zustellung,
        entscheidung="zurueckgestellt",
        nummer="1",
        begruendung=(grund, *zustellung.begruendung),
        folgen=(Folge("nachholung", "1", text, lage.sachverhalt.absender),),
    )


def _allgemeine_hinweise(lage: Lage, regel: Regel) -> tuple[Hinweis, ...]:
    """The hints that depend on no single number (2a.10, Nr. 1)."""
    hinweise = []
    if lage.sachverhalt.unionsbuerger and regel.zeile[0] in "2345":
        text = "Die Person ist Unionsbürgerin oder Unionsbürger: § 11 FreizügG/EU schränkt § 87 AufenthG ein."
        hinweise.append(Hinweis(text))
    zurueckhaltend = lage.absender.art in STRAFVERFOLGUNG or lage.absender.art == UNBEKANNT
    if lage.sachverhalt.gefaehrdet_untersuchungszweck and not zurueckhaltend:
        text = (
            "Nur Polizei, Staatsanwaltschaften und Gerichte können zurückstellen (Nummer 1); die Angabe "
            "bleibt ohne Wirkung."
        )
        hinweise.append(Hinweis(text))
    return tuple(hinweise)


def _frist(lage: Lage, urteil: Urteil) -> tuple[tuple[Frist, ...], tuple[Grund, ...]]:
    """The deadline of 5.6 Satz 1, one calendar month before the Halbstrafenzeitpunkt (2a.11)."""
    halbstrafe = lage.sachverhalt.halbstrafenzeitpunkt
    if halbstrafe is None:
        return (), ()
    faellig = _monat_davor(halbstrafe)
    text = (
        "„Einen Monat vor dem Halbstrafenzeitpunkt“ ist ein Kalendermonat; am Wochenende bleibt die Frist unverschoben."
    )
    if lage.einstellungen.frist_am_wochenende == "vorgezogen":
        text = "Eine Frist, die auf ein Wochenende fällt, wird auf den Freitag davor gezogen."
        faellig -= datetime.timedelta(days=max(0, faellig.weekday() - 4))
    frist = Frist(
        "5.6 Satz 1",
        faellig,
        _abh_der_frist(lage, urteil),
        f"Das Ergebnis der Prüfung ist der Vollstreckungsbehörde spätestens am {faellig:%d.%m.%Y} mitzuteilen.",
    )
    return (frist,), (Grund("5.6 Satz 1", text, auslegung=True),)


def _abh_der_frist(lage: Lage, urteil: Urteil) -> str | None:
    """The ABH that must act: the sender, else the recipient, else the one nach Aktenlage."""
    if lage.absender.art in AUSLAENDERBEHOERDEN:
        return lage.absender.key
    if isinstance(urteil, Ziel):
        abhs = [a.key for a in urteil.adressaten if a.arten == AUSLAENDERBEHOERDEN]
        if abhs:
            return abhs[0]
    akte = nach_aktenlage(lage)
    return akte[0] if akte else None


def _monat_davor(tag: datetime.date) -> datetime.date:
    """The same day of the month before, or that month's last day."""
    jahr, monat = (tag.year, tag.month - 1) if tag.month > 1 else (tag.year - 1, 12)
    return tag.replace(jahr, monat, min(tag.day, calendar.monthrange(jahr, monat)[1]))


def weise_zu(
    entscheidung: Entscheidung,
    sachverhalt: Sachverhalt,
    vorgangslage: Vorgangslage,
    verzeichnis: Verzeichnis,
    *,
    an: str,
    grund: str,
) -> Entscheidung:
    """An operator places a notice in Klärung; a flagged one becomes `zurueckgestellt` instead of being delivered.

    Args:
        entscheidung: the decision that ended in Klärung.
        sachverhalt: the facts of the notice.
        vorgangslage: what its Vorgang adds now.
        verzeichnis: the directory.
        an: key of the recipient that the operator chose.
        grund: the operator's reason, which the decision keeps.

    Raises:
        ValueError: the notice is not in Klärung, or the recipient is not in the directory.

    Source: requirements.md section 1 (Klärung) and Nr. 1.
    """
    if entscheidung.entscheidung != "klaerung":
        raise ValueError("Nur eine Nachricht in der Klärung kann zugewiesen werden.")
    if verzeichnis.behoerde(an, sachverhalt.stand) is None:
        raise ValueError(f"Die Behörde {an} steht nicht im Verzeichnis.")
    absender = verzeichnis.behoerde(sachverhalt.absender, sachverhalt.stand)
    lage = Lage(sachverhalt, vorgangslage, verzeichnis, Einstellungen(), absender or _unbekannt(sachverhalt.absender))
    zugewiesen = Grund(entscheidung.nummer, f"Der Betrieb hat die Nachricht {lage.nenne(an)} zugewiesen: {grund}")
    zustellung = replace(
        entscheidung,
        entscheidung="zustellen",
        empfaenger=(an,),
        begruendung=(*entscheidung.begruendung, zugewiesen),
    )
    return zurueckgestellt(lage, zustellung) if _ist_zurueckgestellt(lage) else zustellung


def _unbekannt(key: str) -> Behoerde:
    """A sender that is not in the directory."""
    return Behoerde(key, UNBEKANNT, key)
