"""What kind of value an element holds, and how its values read in German.

Promises: every element of our schemas that holds a day, a time, a yes or no, an authority or a municipality stands
here, and every value of a closed list has its words; a test holds these tables against the XSDs. Nothing is guessed
from content alone: a text that happens to look like a date stays as its writer wrote it.
Fails: not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

DAYS: Final = frozenset(
    [
        "am",
        "antrittAm",
        "aufgehobenAm",
        "beantragtAm",
        "befristetBis",
        "bisherigerTermin",
        "datumDesSchreibens",
        "durchgefuehrtAm",
        "eingangStrafanzeige",
        "eingeleitetAm",
        "eingestelltAm",
        "entlassungAm",
        "erhobenAm",
        "erledigtAm",
        "geburtsdatum",
        "gueltigBis",
        "haftbefehlVom",
        "halbstrafenzeitpunkt",
        "massnahme456aAb",
        "rechtskraftAm",
        "stand",
        "telefonischAm",
        "unvertretbarerAufwandMitgeteiltAm",
        "verhandeltAm",
        "verlegungAm",
        "vonVollstreckungAbgesehenAb",
        "widerrufenAm",
        "zustaendigSeit",
    ]
)
TIMES: Final = frozenset(["eingegangenAm", "erstellungszeitpunkt", "termin", "verarbeitetAm", "zeitpunkt"])
YES_OR_NO: Final = frozenset(
    [
        "abgefragt",
        "abhaengigVonFehlerbehebung",
        "aktenkundig",
        "aktenzeichen.neu",
        "aktenzeichen.unbekannt",
        "ausnahme87Abs5Nr1",
        "derzeitigerAufenthalt",
        "ehemaligeAnschrift",
        "eilbeduerftig",
        "erfolgt",
        "freispruch",
        "geburtsdatum.unbekannt",
        "gefaehrdetUntersuchungszweck",
        "jggVerfahren",
        "kopienErlaubt",
        "landNrw",
        "langfristigeAbschiebungshindernisse",
        "massnahme456aFolgt",
        "massnahmenKommenInBetracht",
        "ohneFreiheitsentziehung",
        "pruefergebnisNach33",
        "unionsbuerger",
        "unterrichtetNach25",
        "urteilFolgt",
    ]
)
AUTHORITIES: Final = frozenset(
    [
        "abh",
        "absender",
        "aktenfuehrendeAbh",
        "befasstePolizei",
        "bekannteAbh",
        "durch",
        "empfaenger",
        "ersuchendeAbh",
        "gericht",
        "haftanstalt",
        "kennung",
        "neueAbh",
        "sonstige",
        "staatsanwaltschaft",
        "stelle",
        "vollstreckungsbehoerde",
        "zielanstalt",
        "zustaendigeAbh",
    ]
)
MUNICIPALITIES: Final = frozenset(["ags", "aufenthaltsortAgs", "tatortAgs", "wohnsitzAgs"])

CODE_PREFIXES: Final[Mapping[str, str]] = {"gericht": "gds:", "polizeibehoerde": "pol:", "auslaenderbehoerde": ""}
"""Elements whose code names an authority, and what makes a key of it (contracts.md section 1)."""

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "massnahme": {"ausweisung": "Ausweisung", "abschiebung": "Abschiebung"},
    "vorhaben": {
        "erteilung": "Erteilung",
        "verlaengerung": "Verlängerung",
        "widerruf": "Widerruf",
        "festlegung": "Festlegung",
        "aufhebung": "Aufhebung",
        "verkuerzung": "Verkürzung",
    },
    "eingeleitetDurch": {
        "polizei_nrw": "Polizei Nordrhein-Westfalen",
        "staatsanwaltschaft": "Staatsanwaltschaft",
        "zoll": "Zoll",
        "finanzbehoerde": "Finanzbehörde",
        "polizei_ausserhalb_nrw": "Polizei außerhalb Nordrhein-Westfalens",
        "bundespolizei": "Bundespolizei",
    },
    "art": {
        "wohnsitzauflage": "Wohnsitzauflage",
        "raeumliche_beschraenkung": "räumliche Beschränkung",
        "wohnpflicht": "Verpflichtung, dort zu wohnen",
        "unterbringung": "Unterbringung",
    },
    "ereignis": {
        "SubmissionAcceptance": "Einlieferung angenommen",
        "SubmissionRejection": "Einlieferung abgewiesen",
        "RelayAcceptance": "Weitergabe angenommen",
        "RelayRejection": "Weitergabe abgelehnt",
        "RelayFailure": "Weitergabe gescheitert",
        "ContentConsignment": "Inhalt bereitgestellt",
        "ContentConsignmentFailure": "Bereitstellung des Inhalts gescheitert",
        "ContentHandover": "Inhalt übergeben",
        "ContentHandoverFailure": "Übergabe des Inhalts gescheitert",
    },
    "weg": {"as2": "AS2", "mail": "E-Mail", "abruf": "Abruf aus dem Eingangsfach"},
    "verfahren": {"sha-256": "SHA-256", "sha-384": "SHA-384", "sha-512": "SHA-512"},
    "sonstige": {"zuErmitteln": "vom Gateway zu ermitteln"},
    "kennung": {"zuErmitteln": "vom Gateway zu ermitteln"},
}
"""Values of closed lists, by element."""

BOOLEAN: Final[Mapping[str, str]] = {"true": "ja", "false": "nein", "1": "ja", "0": "nein"}

_DAY = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d)(:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d)?")


def day(raw: str) -> str:
    """A day, a month or a year in German; anything else as it stands."""
    found = _DAY.fullmatch(raw)
    return ".".join(part for part in reversed(found.groups()) if part) if found else raw


def time(raw: str) -> str:
    """A point in time in German, in the zone in which it was written; anything else as `day`."""
    found = _TIME.fullmatch(raw)
    if not found:
        return day(raw)
    year, month, date, minutes, seconds, zone = found.groups()
    exact = seconds if seconds.strip(":0.") else ""
    place = "" if zone is None else " (UTC)" if zone == "Z" else f" (UTC{zone})"
    return f"{date}.{month}.{year}, {minutes}{exact} Uhr{place}"


def looks_like_a_day(name: str) -> bool:
    """Whether an element that our schemas do not know says by its name that it holds a day or a time."""
    lower = name.lower()
    return "datum" in lower or "zeitpunkt" in lower
