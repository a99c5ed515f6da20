"""The table of the decree in words: to whom and when, step by step, for people who read law and not code.

Promises: every row of the table has its words, keyed by its rule function, and every number of the decree has a step,
also where no message belongs to it (`OHNE_ANLASS`). Data only; the decisions are made by the functions.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from routing import ablauf, zustaendigkeit
from routing.erlass import einleitung, erledigung, ermittlungsende, untersuchungshaft, weitere
from routing.erlass.lage import Empfaenger


@dataclass(frozen=True, slots=True)
class Schritt:
    """One step of a row: the sentence, what it says here, and how it is read where the text leaves something open."""

    nummer: str
    text: str
    auslegung: str = ""


@dataclass(frozen=True, slots=True)
class Worte:
    """One row in words: its steps in the order in which they are tried."""

    schritte: tuple[Schritt, ...]
    vorrang: str = ""
    """When it has Vorrang; empty: never."""


@dataclass(frozen=True, slots=True)
class OhneAnlass:
    """A sentence that no Anlass belongs to."""

    schritt: Schritt
    wer: str
    regel: Callable[..., Any] | None = None
    """The function that implements it in the rules; None: the gateway does it, or there is nothing to do."""
    nachrichten: tuple[str, ...] = ()
    """Numbers of the messages that carry it out."""


AKTENLAGE: Final = "die nach Aktenlage zuständige ABH (genannt, sonst Vorgang, sonst AZR)"
JE_STA: Final = "die Staatsanwaltschaft jedes angegebenen Verfahrens"
AZR: Final = "Klärung, solange das AZR nicht abgefragt ist."
BEREITS: Final = (
    "Entbehrlich, wenn diese ABH aktenkundig von einer anderen Stelle unterrichtet ist; fehlt eine der drei "
    "Voraussetzungen, wird zugestellt und darauf hingewiesen."
)
NACH_JVA: Final = "Kennt die JVA die zuständige ABH nicht: die ABH, in deren Bezirk die JVA liegt, vorläufig."


def _einer(nummer: str, text: str, auslegung: str = "", *, vorrang: str = "") -> Worte:
    """A row with one step."""
    return Worte((Schritt(nummer, text, auslegung),), vorrang)


WORTE: Final[Mapping[Empfaenger, Worte]] = {
    einleitung.nr_2_1: Worte(
        (
            Schritt(
                "2.1 Satz 1",
                f"Mit Eingang der Strafanzeige (später als am Folgetag: Hinweis) an die nach dem AZR aktenführende "
                f"ABH. {AZR}",
            ),
            Schritt("2.1 Satz 2", "Nennt das AZR keine: an die ABH des Tatorts; ohne Tatort in NRW Klärung."),
        )
    ),
    einleitung.nr_2_2_satz_1: Worte(
        (
            Schritt(
                "2.2 Satz 1",
                "Nur wenn Staatsanwaltschaft, Zoll, Finanzbehörde, Polizei außerhalb Nordrhein-Westfalens oder "
                "Bundespolizei das Verfahren eingeleitet hat; sonst entbehrlich. Empfängerin wie nach Nummer 2.1. "
                f"{AZR} {BEREITS}",
                "„Außerhalb Nordrhein-Westfalens“ bezieht sich nur auf Polizeibehörden; die Bundespolizei steht ihnen "
                "gleich.",
            ),
        )
    ),
    einleitung.nr_2_2_satz_2: _einer("2.2 Satz 2", f"Empfängerin wie nach Nummer 2.1. {AZR} {BEREITS}"),
    einleitung.nr_2_3: _einer(
        "2.3",
        f"An die nach dem AZR aktenführende ABH; nennt es keine: an die im Verfahren bereits unterrichtete ABH. {AZR}",
        "Nummer 2.3 verweist nur auf Nummer 2.1 Satz 1: der Tatort zählt nicht, wohl aber die bereits unterrichtete "
        "ABH.",
    ),
    einleitung.nr_2_5_satz_1: _einer(
        "2.5 Satz 1",
        f"An {JE_STA}; entbehrlich, wenn langfristige Abschiebungshindernisse entgegenstehen.",
        vorrang="wenn eilbedürftig",
    ),
    einleitung.nr_2_5_satz_5: _einer(
        "2.5 Satz 5", "An die ABH, die ersucht hat.", vorrang="wenn das Ersuchen eilbedürftig war"
    ),
    einleitung.nr_2_6: _einer("2.6", f"An {JE_STA}."),
    einleitung.nr_2_7: _einer(
        "2.7",
        f"An {JE_STA}. Die neue ABH gilt im Vorgang als zuständig; ein zurückgenommenes Ersuchen zählt für "
        "Nummer 4.2 nicht mehr.",
    ),
    einleitung.nr_2_8: Worte(
        (
            Schritt(
                "2.8 Satz 1",
                "Für jedes Verfahren an das befasste Strafgericht, sonst an die Staatsanwaltschaft; entbehrlich im "
                "Fall des § 87 Abs. 5 Nr. 1 AufenthG.",
                "Ist ein Strafgericht befasst, wird dieses und nicht die Staatsanwaltschaft beteiligt.",
            ),
            Schritt(
                "2.8 Satz 2",
                "Ist keines von beiden bekannt, bei § 59 Abs. 7 AufenthG: an die Polizei des Aufenthaltsorts; bei "
                "§ 25 Abs. 4a, 4b AufenthG Klärung.",
            ),
        )
    ),
    einleitung.nr_2_8_antwort: _einer("2.8 Satz 1", "An die ABH, die beteiligt hat."),
    untersuchungshaft.nr_3_1_und_3_2: Worte(
        (
            Schritt(
                "3.2 Satz 4",
                "Wohnpflicht oder Unterbringung in einer Aufnahmeeinrichtung des Landes: an die ZAB des "
                "Regierungsbezirks, in dem sie liegt; liegt sie nicht in NRW, Klärung.",
                "Satz 4 geht auch der bekannten ABH vor; diese erscheint als Hinweis.",
            ),
            Schritt("3.1", "Sonst an die ABH, die der JVA bekannt ist."),
            Schritt("3.2 Satz 1", f"{NACH_JVA} Ein Wohnsitz führt nur zum Hinweis nach § 14 ZustAVO."),
        ),
        vorrang="bei Entlassung",
    ),
    untersuchungshaft.nr_3_3: _einer(
        "3.3",
        f"Kommen aufenthaltsbeendende Maßnahmen in Betracht: an {JE_STA}; sonst entbehrlich.",
        vorrang="wenn Maßnahmen in Betracht kommen",
    ),
    untersuchungshaft.nr_3_4_satz_1: _einer(
        "3.4 Satz 1",
        f"Liegt ein Prüfergebnis nach Nummer 3.3 vor: an {AKTENLAGE}; sonst entbehrlich (Satz 2 genügt).",
        vorrang="wenn ein Prüfergebnis nach Nummer 3.3 vorliegt",
    ),
    untersuchungshaft.nr_3_4_satz_2: _einer("3.4 Satz 2", f"An {AKTENLAGE}.", vorrang="immer"),
    untersuchungshaft.nr_3_4_satz_3: _einer("3.4 Satz 3", f"An {AKTENLAGE}.", vorrang="immer"),
    ermittlungsende.nr_4_1_satz_1: _einer("4.1 Satz 1", f"An {AKTENLAGE}."),
    ermittlungsende.nr_4_1_satz_2: _einer("4.1 Satz 2", f"An {AKTENLAGE}."),
    ermittlungsende.nr_4_2_satz_1: _einer(
        "4.2 Satz 1",
        f"Wurde nach Nummer 2.5 unterrichtet: an {AKTENLAGE}; das Ergebnis ist dann mitzuteilen. Sonst entbehrlich.",
    ),
    ermittlungsende.nr_4_2_satz_3: _einer(
        "4.2 Satz 3",
        f"Wurde nach Nummer 2.5 unterrichtet: an {AKTENLAGE}; sonst entbehrlich.",
        "Satz 3 schließt an Satz 1 an und setzt wie dieser die Unterrichtung nach Nummer 2.5 voraus.",
    ),
    erledigung.nr_5_1: _einer(
        "5.1",
        f"An {AKTENLAGE}, bei Verurteilung mit dem rechtskräftigen Urteil nebst Gründen und, soweit nötig, dem "
        "Zeitpunkt für § 456a StPO; was nachfolgt, ist nachzureichen.",
    ),
    erledigung.nr_5_2: _einer("5.2", f"An {AKTENLAGE}.", vorrang="immer"),
    erledigung.nr_5_3_und_5_4: Worte(
        (
            Schritt("5.3", "An die ABH, die der JVA bekannt ist."),
            Schritt("5.4 Satz 1", f"{NACH_JVA} Eine Aufnahmeeinrichtung führt nur zum Hinweis auf deren ZAB."),
        ),
        vorrang="wenn die Entlassung höchstens 14 Tage bevorsteht (einstellbar)",
    ),
    erledigung.nr_5_5_ersuchen: _einer("5.5", "An die JVA, die die Gefangenenpersonalakte führt."),
    erledigung.nr_5_5_antwort: _einer("5.5", "An die ABH, die um Akteneinsicht ersucht hat."),
    erledigung.nr_5_6_satz_1: _einer(
        "5.6 Satz 1",
        "An die Vollstreckungsbehörde, spätestens einen Monat vor dem Halbstrafenzeitpunkt.",
        "Ein Monat ist ein Kalendermonat; am Wochenende bleibt die Frist unverschoben (einstellbar).",
    ),
    erledigung.nr_5_6_satz_2: _einer(
        "5.6 Satz 2", f"An {AKTENLAGE}, dann an die JVA oder Maßregelvollzugseinrichtung; fehlt eine, an die andere."
    ),
    weitere.erkenntnis: _einer("6", f"§ 87 Abs. 2 AufenthG, Nummer 42 Abs. 2 MiStra: an {AKTENLAGE}."),
    weitere.ausgang_482: _einer("6", "§ 482 StPO, Nummer 11 MiStra: an die befasste Polizeibehörde."),
    weitere.asyl: _einer("6", "§ 8 Abs. 1a AsylG, Nummer 42a MiStra: an das BAMF."),
    weitere.vollzug: _einer("6", "Vollzugsgeschäftsordnung: an die ABH, die der JVA bekannt ist."),
    weitere.weitere_mitteilung: _einer(
        "6", "An die ausdrücklich genannte Behörde; ohne Empfänger oder Rechtsgrundlage Klärung."
    ),
    weitere.berichtigung: _einer(
        weitere.EGGVG, "An alle, die von der berichtigten Mitteilung unterrichtet wurden, auch durch Weiterleitung."
    ),
}
"""Rule function of a row to its words."""

_WEITERLEITUNG: Final = "Ist die ABH nicht selbst nach § 14 ZustAVO zuständig, leitet sie unverzüglich weiter."
_BENACHRICHTIGUNG: Final = "Zugleich erfährt die JVA, welche ABH zuständig ist."

OHNE_ANLASS: Final = (
    OhneAnlass(
        Schritt(
            "1",
            "Jede Mitteilung kann zurückgestellt werden, solange sie den Untersuchungszweck gefährdet; sie bleibt für "
            "alle Empfänger unsichtbar und wird nach Freigabe neu entschieden und mit Vorrang zugestellt.",
        ),
        "Polizei, Staatsanwaltschaft, Gericht, Vollstreckungsleiter",
        ablauf.zurueckgestellt,
    ),
    OhneAnlass(
        Schritt("2.4", "Keine Nachricht: Quittung und Vorgang belegen, welche ABH wann unterrichtet wurde."),
        "Polizei, Staatsanwaltschaft",
    ),
    OhneAnlass(
        Schritt("2.5 Satz 3", "Das Ersuchen geht weiter an die zuständige Dezernentin oder den Dezernenten."),
        "Staatsanwaltschaft",
    ),
    OhneAnlass(
        Schritt(
            "2.5 Satz 4",
            "Es geht auch an weitere berührte Dezernate; alle bleiben im Vorgang.",
            "Das berührte Dezernat kann auch das einer anderen Staatsanwaltschaft sein.",
        ),
        "Staatsanwaltschaft",
    ),
    OhneAnlass(
        Schritt("3.2 Satz 2", _WEITERLEITUNG),
        "ABH, ZAB",
        zustaendigkeit.weiterleitungsziel,
        ("9900020",),
    ),
    OhneAnlass(Schritt("3.2 Satz 3", _BENACHRICHTIGUNG), "ABH, ZAB", None, ("9900021",)),
    OhneAnlass(
        Schritt("5.4 Satz 2", _WEITERLEITUNG),
        "ABH, ZAB",
        zustaendigkeit.weiterleitungsziel,
        ("9900020",),
    ),
    OhneAnlass(Schritt("5.4 Satz 3", _BENACHRICHTIGUNG), "ABH, ZAB", None, ("9900021",)),
    OhneAnlass(Schritt("7", "Inkrafttreten: nicht anwendbar, die Geltungstage stehen im Regelwerk."), "–"),
)
"""The sentences without an Anlass, in the decree's order."""

ABSENDER: Final = {
    "polizei": "Polizei",
    "sta": "Staatsanwaltschaft",
    "gericht": "Gericht",
    "vollstreckungsleiter": "Vollstreckungsleiter",
    "jva": "JVA",
    "mrv": "Maßregelvollzug",
    "abh": "ABH",
    "zab": "ZAB",
    "bamf": "BAMF",
}
"""Sender kinds (requirements.md section 2) as the page names them, in its order."""
