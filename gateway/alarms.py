"""Alarms: the closed list of what is told to people who are not looking, and in which words.

Promises: pure. Each kind says what happened, what it means and what to do, in plain German, with ids of agreements,
numbers and times and never personal data. What is told, told again and ended is decided here, from what was found and
what is open.
Fails: `KeyError` for a kind without words, which a test excludes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class Kind(StrEnum):
    """What can need a person."""

    PARTNER_GESTOERT = "partner_gestoert"
    ZERTIFIKAT_ENDE = "zertifikat_ende"
    WIDERRUF_UNBEKANNT = "widerruf_unbekannt"
    KLAERUNG = "klaerung"
    FRIST = "frist"
    ZUSTELLUNG = "zustellung_gescheitert"
    NICHT_ABGEHOLT = "nicht_abgeholt"
    WARTESCHLANGE = "warteschlange"
    PROTOKOLL = "protokoll"
    ARBEIT = "arbeit_gescheitert"
    PLATZ = "platz"
    SICHERUNG = "sicherung"


class Occasion(StrEnum):
    """Why something is told now."""

    NEU = "neu"
    WIEDERHOLT = "wiederholt"
    ERLEDIGT = "erledigt"


@dataclass(frozen=True, slots=True)
class Words:
    """One kind in words; `{gegenstand}`, `{zahl}` and keys of a condition's `angaben` are filled in."""

    titel: str
    was: str
    bedeutet: str
    tun: str


WORDS: Final[Mapping[Kind, Words]] = {
    Kind.PARTNER_GESTOERT: Words(
        "Partner „{gegenstand}“ ist nicht erreichbar",
        "Zustellungen an den Partner „{gegenstand}“ sind mehrmals hintereinander gescheitert; seine Bahn ruht.",
        "Nachrichten an ihn warten. Das Gateway versucht es von selbst wieder; andere Partner sind nicht betroffen.",
        "Beim Partner nachfragen; „gateway partners lanes“ zeigt den Stand, „gateway partners test“ prüft den Weg.",
    ),
    Kind.ZERTIFIKAT_ENDE: Words(
        "Ein Zertifikat endet in {tage} Tagen ({verwendung})",
        "Das Zertifikat {gegenstand} ({inhaber}) endet in {tage} Tagen; ein neueres ist nicht eingetragen.",
        "Danach wird mit ihm nicht mehr gesendet, empfangen oder quittiert.",
        "Ein neues Zertifikat neben das alte eintragen; „gateway certs list“ zeigt alle.",
    ),
    Kind.WIDERRUF_UNBEKANNT: Words(
        "Sperrstand von {zahl} Zertifikaten unbekannt",
        "Für {zahl} Zertifikate von Partnern gibt es keine gültige Auskunft, ob sie gesperrt sind (CRL, OCSP).",
        "Wie sie gelten, bestimmt [vertrauen] unbekannt; ein gesperrtes Zertifikat fiele jetzt nicht auf.",
        "Prüfen, ob der Rechner die Adressen der Zertifizierungsstelle erreicht; „gateway certs list“ nennt sie.",
    ),
    Kind.KLAERUNG: Words(
        "{zahl} Nachrichten warten auf eine Klärung",
        "{zahl} Nachrichten, Empfänger oder Zustellungen warten länger als {stunden} Stunden auf eine Entscheidung.",
        "Die Empfänger haben sie nicht erhalten.",
        "Auf der Seite „Übersicht“ ansehen und zuweisen, erneut senden oder stornieren.",
    ),
    Kind.FRIST: Words(
        "{zahl} Fristen sind überschritten",
        "{zahl} Pflichten von Behörden sind überfällig; die älteste seit dem {aeltester_tag}.",
        "Der Erlass verlangt eine Mitteilung, die noch nicht gekommen ist.",
        "Auf der Seite „Fristen“ ansehen und die pflichtige Behörde erinnern.",
    ),
    Kind.ZUSTELLUNG: Words(
        "{zahl} Zustellungen an „{gegenstand}“ sind gescheitert",
        "{zahl} Zustellungen an „{gegenstand}“ wurden in den letzten {stunden} Stunden abgelehnt oder scheiterten.",
        "Die Absender sind benachrichtigt; die Empfänger haben die Nachrichten nicht.",
        "Den Grund an der Nachricht ansehen, beheben und mit „gateway resend“ erneut senden.",
    ),
    Kind.NICHT_ABGEHOLT: Words(
        "{zahl} Nachrichten wurden nicht abgeholt",
        "{zahl} Nachrichten liegen seit über {tage} Tagen im Eingangsfach ihrer Empfänger.",
        "Die Empfänger haben sie vermutlich nicht gesehen.",
        "Die Behörde anrufen; „gateway list“ zeigt, welche es ist.",
    ),
    Kind.WARTESCHLANGE: Words(
        "{zahl} Zustellungen an „{gegenstand}“ warten zu lange",
        "{zahl} Zustellungen an den Partner „{gegenstand}“ warten länger als {stunden} Stunden.",
        "Sie kommen später an als üblich; nach fünf Tagen scheitern sie (Voreinstellung).",
        "„gateway partners lanes“ zeigt, ob die Bahn ruht oder angehalten ist.",
    ),
    Kind.PROTOKOLL: Words(
        "Das Protokoll ist {minuten} Minuten im Rückstand",
        "Seit {minuten} Minuten wurde kein Ereignis mehr in das signierte Protokoll aufgenommen.",
        "Nachrichten laufen weiter, ihre Nachweise fehlen noch; nach vier Stunden nimmt das Gateway nichts mehr an.",
        "Das Schlüsselpaar „log“ und das Log des Dienstes ansehen („protokoll“).",
    ),
    Kind.ARBEIT: Words(
        "{zahl} Vorgänge im Gateway brauchen Hilfe ({gegenstand})",
        "In den letzten {stunden} Stunden hat das Gateway {zahl} Mal aufgegeben, etwas selbst zu erledigen"
        " (Grund: {gegenstand}).",
        "Die betroffenen Nachrichten stehen still, alle anderen laufen.",
        "Die Ereignisse „alarm“ ansehen; im Log des Dienstes steht zur selben Zeit der Fehler.",
    ),
    Kind.PLATZ: Words(
        "Der Speicherplatz wird knapp",
        "Auf dem Datenträger der Datenbank sind noch {megabyte} MB frei.",
        "Ist er voll, nimmt das Gateway nichts mehr an, bis wieder Platz ist.",
        "Platz schaffen oder den Datenträger vergrößern.",
    ),
    Kind.SICHERUNG: Words(
        "Die letzte Sicherung ist {tage} Tage alt",
        "Seit {tage} Tagen wurde mit „gateway backup“ keine Sicherung mehr gemacht.",
        "Bei einem Verlust der Datenbank fehlte alles, was seitdem kam.",
        "Die geplante Sicherung prüfen und „gateway backup“ ausführen.",
    ),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is so now."""

    art: Kind
    gegenstand: str = ""
    """Which partner, certificate or reason; empty where there is one of the kind."""
    zahl: int = 1
    angaben: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What makes two conditions the same alarm."""
        return str(self.art), self.gegenstand


def told(art: str, gegenstand: str, zahl: int, angaben: Mapping[str, Any]) -> Words:
    """The words of an alarm, filled in."""
    words, values = WORDS[Kind(art)], {"gegenstand": gegenstand, "zahl": zahl} | dict(angaben)
    texts = (words.titel, words.was, words.bedeutet, words.tun)
    return Words(*(text.format(**values) for text in texts))


@dataclass(frozen=True, slots=True)
class Open:
    """An alarm that was told and has not ended."""

    id: str
    art: str
    gegenstand: str
    gesehen: int
    """When it was last so; microseconds."""
    gemeldet: int
    """When it was last told."""
    row: Mapping[str, Any] = field(repr=False, compare=False, hash=False)
    """As it is stored."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What follows from a look."""

    begun: tuple[Condition, ...]
    seen: tuple[tuple[Open, Condition], ...]
    again: tuple[tuple[Open, Condition], ...]
    """Told again; these are among `seen`, too."""
    ended: tuple[Open, ...]


def compare(
    found: Iterable[Condition], known: Iterable[Open], now: int, *, judged: Collection[Kind], repeat: int, rest: int
) -> Changes:
    """What begins, goes on, is told again and ends.

    Args:
        found: what is so now.
        known: alarms that are open.
        now: microseconds.
        judged: kinds that could be looked at; an alarm of another kind does not end by not being found.
        repeat: microseconds after which what is still so is told again.
        rest: microseconds for which it must not have been so before it has ended: what comes and goes is one alarm.
    """
    now_so, open_ = {each.key: each for each in found}, {(each.art, each.gegenstand): each for each in known}
    seen = tuple((open_[key], condition) for key, condition in now_so.items() if key in open_)
    return Changes(
        begun=tuple(condition for key, condition in now_so.items() if key not in open_),
        seen=seen,
        again=tuple((each, condition) for each, condition in seen if now - each.gemeldet >= repeat),
        ended=tuple(
            each
            for key, each in open_.items()
            if key not in now_so and each.art in judged and now - each.gesehen >= rest
        ),
    )
