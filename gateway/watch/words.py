"""German words of the pages: what a status, an event, a check means, and how days and times read.

Promises: pure; every status and role has its words (tested), so that no page shows a bare code.
Fails: not at all; what is unknown stands as it is.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from gateway import clock
from gateway.events import Art
from gateway.states import DeliveryStatus, MessageStatus
from gateway.watch.people import Rolle

M, D = MessageStatus, DeliveryStatus

STATUS: Final[dict[str, tuple[str, str, str]]] = {
    M.ANGENOMMEN: ("angenommen", "warten", "Die Nachricht ist gespeichert und wird gleich zugestellt."),
    M.ZURUECKGESTELLT: (
        "zurückgestellt",
        "achtung",
        "Der Absender hat um Zurückstellung gebeten (Nummer 1). Niemand sonst erfährt davon, bis sie freigegeben wird.",
    ),
    M.KLAERUNG: (
        "Klärung",
        "achtung",
        "Keine Regel oder kein Weg führt zu einem Empfänger. Eine Person muss entscheiden.",
    ),
    M.ENTBEHRLICH: ("entbehrlich", "ruhe", "Nach dem Erlass ist keine Mitteilung nötig; es wurde nichts gesendet."),
    M.UNTERWEGS: ("unterwegs", "warten", "Die Zustellung läuft; eine geprüfte Quittung steht noch aus."),
    M.ZUGESTELLT: ("zugestellt", "gut", "Jeder Empfänger hat den Eingang mit geprüfter Quittung bestätigt."),
    M.TEILWEISE: ("teilweise", "achtung", "Ein Teil der Empfänger hat quittiert, bei einem anderen ist es zu Ende."),
    M.GESCHEITERT: ("gescheitert", "schlecht", "Keine Zustellung ist gelungen. Eine Person muss entscheiden."),
    M.STORNIERT: ("storniert", "ruhe", "Der Betrieb hat die Nachricht beendet."),
    D.WARTET: ("wartet", "warten", "Der nächste Versuch steht bevor."),
    D.LAEUFT: ("läuft", "warten", "Ein Versuch ist im Gange."),
    D.UEBERGEBEN: ("übergeben", "warten", "Der Empfänger hat die Nachricht; seine Quittung steht noch aus."),
    D.ABGELEHNT: ("abgelehnt", "schlecht", "Der Empfänger hat mit geprüfter Quittung abgelehnt."),
    D.QUITTUNG_UNGUELTIG: ("Quittung ungültig", "achtung", "Es kam eine Quittung, die nichts beweist."),
    D.ANGEHALTEN: ("angehalten", "achtung", "Der Betrieb hat diesen Weg angehalten."),
}
"""Status of messages and deliveries: word, tone, sentence about a message."""

DELIVERY: Final[dict[str, str]] = {
    D.WARTET: "Der nächste Versuch steht bevor. Sie müssen nichts tun.",
    D.LAEUFT: "Ein Versuch ist im Gange. Sie müssen nichts tun.",
    D.UEBERGEBEN: "Der Empfänger hat die Nachricht; seine Quittung steht noch aus. Sie müssen nichts tun.",
    D.ZUGESTELLT: "Der Empfänger hat den Eingang bestätigt; seine Quittung ist geprüft.",
    D.ABGELEHNT: "Der Empfänger hat mit geprüfter Quittung abgelehnt. Klären Sie den Grund und versenden Sie neu.",
    D.QUITTUNG_UNGUELTIG: "Es kam eine Quittung, die nichts beweist. Der Partner muss seine Quittung berichtigen; "
    "bis zur Frist wartet das Gateway auf eine gültige.",
    D.KLAERUNG: "So kann nicht gesendet werden. Beheben Sie den genannten Grund und versenden Sie neu.",
    D.ANGEHALTEN: "Angehalten. Sie geht weiter, sobald die Zustellungen an den Partner fortgesetzt werden.",
    D.GESCHEITERT: "Das Gateway versucht es nicht mehr; der Absender weiß davon. "
    "Ist der Fehler behoben, versenden Sie neu.",
    D.STORNIERT: "Eine Person hat diese Zustellung beendet.",
}
"""What the status of one delivery means, and what to do."""

TODO: Final[dict[str, str]] = {
    M.ZURUECKGESTELLT: "Fragen Sie den Absender, ob der Grund noch besteht. Wenn nicht, geben Sie die Nachricht frei.",
    M.KLAERUNG: "Lesen Sie unten, was fehlt, und weisen Sie einen Empfänger zu oder stornieren Sie.",
    M.TEILWEISE: "Lesen Sie unten, an wem es liegt. Ist der Fehler behoben, versenden Sie neu.",
    M.GESCHEITERT: "Lesen Sie unten den letzten Fehler. Ist er behoben, versenden Sie neu; der Absender weiß davon.",
}
"""What a person of the gateway's staff does about a message that waits for one."""

DECISIONS: Final[dict[str, str]] = {
    "zustellen": "zustellen",
    "zurueckgestellt": "zurückstellen",
    "entbehrlich": "entbehrlich, keine Mitteilung nötig",
    "klaerung": "Klärung durch eine Person",
    "unzulaessig": "unzulässig",
}
"""Outcomes of a decision."""

USES: Final[dict[str, str]] = {
    "sign": "Signatur",
    "mdn": "Quittungen",
    "encrypt": "Entschlüsselung",
    "tls": "TLS-Server",
    "tls_client": "TLS-Client",
    "log": "Protokoll",
    "signatur": "Signatur",
    "quittung": "Quittungen",
    "verschluesselung": "Verschlüsselung",
    "zugang": "Zugang zur API",
}
"""What a certificate is for."""

CAUSES: Final[dict[str, str]] = {
    "adresse": "Adresse nicht brauchbar",
    "adresse_privat": "private Adresse nicht erlaubt",
    "dns": "Rechnername nicht auflösbar",
    "verbindung": "keine Verbindung",
    "verbindung_zeit": "Verbindungsaufbau zu langsam",
    "tls": "keine TLS-Verbindung",
    "tls_zertifikat": "TLS-Zertifikat nicht prüfbar",
    "starttls_fehlt": "kein STARTTLS",
    "zeit": "keine Antwort in der Zeit",
    "abbruch": "Verbindung abgebrochen",
    "protokoll": "unverständliche Antwort",
    "antwort_zu_gross": "Antwort zu groß",
    "intern": "Fehler im Gateway",
    "nicht_abgeholt": "nicht abgeholt",
    "partner_unbekannt": "keine Vereinbarung mehr",
    "pruefung_beendet": "Prüfung beendet",
    "eingang_nicht_beurteilt": "Eingang ließ sich nicht beurteilen",
    "vereinbarung_unlesbar": "Vereinbarung nicht lesbar",
    "quittung_nicht_gesendet": "unsere Quittung kam nicht an",
    "quittung_fehlt": "Quittung fehlt",
    "quittung_unlesbar": "Quittung unlesbar",
    "nicht_signiert": "Quittung nicht signiert",
    "signatur_abgewiesen": "Signatur der Quittung gilt nicht",
    "fremde_message_id": "Quittung nennt eine andere Nachricht",
    "mic_fehlt": "Prüfwert fehlt",
    "mic_abweichend": "Prüfwert weicht ab",
    "nicht_zu_oeffnen": "konnte nicht geöffnet werden",
    "angelegt": "angelegt",
}
"""Words for what went wrong; what is not here stands as its code, which is a German word itself."""

COLUMNS: Final[dict[str, str]] = {
    "art": "Art",
    "stufe": "Stufe",
    "name": "Name",
    "ort": "Ort",
    "ags": "Amtlicher Gemeindeschlüssel (AGS)",
    "regierungsbezirk": "Regierungsbezirk",
    "gueltig_ab": "besteht seit",
    "gueltig_bis": "besteht bis",
    "konfidenz": "Verlässlichkeit der Angabe",
    "quelle": "Quelle",
    "typ": "Art",
    "kreis_ags": "Schlüssel des Kreises",
    "kreis": "Kreis",
    "abh": "Ausländerbehörde",
    "zab": "Zentrale Ausländerbehörde",
    "polizei": "Polizeibehörde",
    "sta": "Staatsanwaltschaft",
    "gerichte": "Gerichte",
    "konfidenz_abh": "Verlässlichkeit der Ausländerbehörde",
    "konfidenz_justiz": "Verlässlichkeit der Justizbehörden",
    "status": "Status",
    "stand": "Stand",
}
"""Columns of the directory; one that is not here stands as it is called there."""

EVENTS: Final[dict[str, str]] = {
    Art.ANNAHME: "Angenommen",
    Art.ABWEISUNG: "Abgewiesen",
    Art.ENTSCHEIDUNG: "Nach dem Erlass entschieden",
    Art.VERSIEGELUNG: "Signiert und verschlüsselt",
    Art.VERSUCH: "Zustellversuch",
    Art.UEBERGABE: "Dem Empfänger übergeben",
    Art.QUITTUNG: "Quittung geprüft",
    Art.ABHOLUNG: "Abgeholt und quittiert",
    Art.WEITERLEITUNG: "Weitergeleitet",
    Art.EINGANG: "Von einem Partner eingegangen",
    Art.EINGANG_ABGEWIESEN: "Eingang abgewiesen",
    Art.EINGANG_DOPPELT: "Noch einmal eingegangen, ohne zweite Wirkung",
    Art.QUITTUNG_GESENDET: "Unsere Quittung gesendet",
    Art.FRIST_QUITTUNG: "Keine Quittung in der vereinbarten Zeit",
    Art.FREIGABE: "Freigegeben",
    Art.ZUWEISUNG: "Zugewiesen",
    Art.NEUVERSAND: "Neu versandt",
    Art.STORNIERUNG: "Storniert",
    Art.ERINNERUNG: "An eine Pflicht erinnert",
    Art.ALARM: "Alarm",
    Art.PARTNER_GEAENDERT: "Vereinbarung geändert",
    Art.ZERTIFIKAT_LAEUFT_AB: "Ein Zertifikat läuft ab",
    Art.VERZEICHNIS_GEAENDERT: "Verzeichnis berichtigt",
    Art.ANMELDUNG: "Angemeldet",
    Art.ANMELDUNG_ABGEWIESEN: "Anmeldung abgewiesen",
    Art.KONTO_GEAENDERT: "Konto geändert",
    Art.EINSICHT_ERBETEN: "Einsicht erbeten",
    Art.EINSICHT_ZUGESTIMMT: "Einsicht zugestimmt",
    Art.EINSICHT: "Inhalt angesehen",
    Art.AUSFUHR: "Ereignisse als Datei gespeichert",
    Art.LOESCHUNG: "Inhalt gelöscht",
    Art.AUFBEWAHRUNG: "Aufbewahrung verlängert",
    Art.AUFBEWAHRUNG_ENDE: "Aufbewahrung nicht mehr verlängert",
    Art.SICHERUNG: "Sicherung begonnen",
    Art.WIEDERHERSTELLUNG: "Aus einer Sicherung wiederhergestellt",
    Art.SCHLUESSELWECHSEL: "Schlüssel des Speichers gewechselt",
    Art.WIEDERANLAUF: "Gateway gestartet",
    Art.PARTNER_ANGEHALTEN: "Zustellungen an einen Partner angehalten",
    Art.PARTNER_FREIGEGEBEN: "Zustellungen an einen Partner fortgesetzt",
    Art.PARTNER_UNTERBROCHEN: "Ein Partner ist nicht erreichbar",
    Art.PARTNER_ERREICHBAR: "Ein Partner ist wieder erreichbar",
    Art.NACHWEIS: "Absender vom Stand der Zustellung unterrichtet",
}
"""Kinds of events."""

ROLES: Final[dict[str, str]] = {
    Rolle.LESEN: "Lesen",
    Rolle.BETRIEB: "Betrieb",
    Rolle.REVISION: "Revision",
    Rolle.VERWALTUNG: "Verwaltung",
}

WAYS: Final[dict[str, str]] = {"as2": "AS2", "mail": "E-Mail", "abruf": "Abholung im Eingangsfach"}

OUTCOMES: Final[dict[str, str]] = {
    "quittung": "Quittung in der Antwort",
    "uebergeben": "übergeben, Quittung folgt",
    "receipt_positive": "geprüft, positiv",
    "receipt_negative": "geprüft, ablehnend",
    "receipt_invalid": "beweist nichts",
}

CHECKS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("lesbar", frozenset({"quittung_fehlt", "quittung_unlesbar"})),
    ("vom Partner signiert", frozenset({"nicht_signiert", "signatur_abgewiesen"})),
    ("in sich widerspruchsfrei", frozenset({"widerspruechlich"})),
    ("nennt unsere Message-ID", frozenset({"fremde_message_id"})),
    ("meldet Annahme", frozenset({"abgelehnt", "nicht_zu_oeffnen", "unbekanntes_ergebnis"})),
    ("enthält einen Prüfwert in vereinbartem Verfahren", frozenset({"mic_fehlt", "mic_algorithmus"})),
    ("Prüfwert ist der unserer Nachricht", frozenset({"mic_abweichend"})),
)
"""The checks of a receipt in their order, each with the reasons by which it fails (gateway/settle/receipt.py)."""


def checks(reason: str) -> list[tuple[str, str]]:
    """Each check of a receipt with `ja`, `nein`, or `–` for one that was not come to."""
    found: list[tuple[str, str]] = []
    result = "ja"
    for text, failing in CHECKS:
        result = "–" if result != "ja" else "nein" if reason in failing else "ja"
        found.append((text, result))
    return found


def status(code: str) -> str:
    """The word for a status."""
    return STATUS[code][0] if code in STATUS else code


def tone(code: str) -> str:
    """How a status looks: `gut`, `warten`, `achtung`, `schlecht` or `ruhe`; never by colour alone."""
    return STATUS[code][1] if code in STATUS else "ruhe"


def meaning(code: str) -> str:
    """What a status means, as a sentence."""
    return STATUS[code][2] if code in STATUS else ""


def step(code: str) -> str:
    """What the status of one delivery means, and what to do."""
    return DELIVERY.get(code, "")


def todo(code: str) -> str:
    """What a person does about a message in this status; empty where nobody need do anything."""
    return TODO.get(code, "")


def decision(code: str) -> str:
    """The outcome of a decision."""
    return DECISIONS.get(code, code)


def outcome(code: str) -> str:
    """How an attempt or a receipt ended."""
    if code.startswith(("http_", "smtp_")):
        return code.upper().replace("_", " ")
    return OUTCOMES.get(code) or CAUSES.get(code, code)


def use(code: str) -> str:
    """What a certificate is for."""
    return USES.get(code, code)


def column(name: str) -> str:
    """A column of the directory."""
    return COLUMNS.get(name, name)


def event(art: str) -> str:
    """The words for a kind of event."""
    return EVENTS.get(art) or art.replace("_", " ").capitalize()


def moment(text: str | None) -> str:
    """A time of the API (ISO 8601, UTC) as people in Germany read it."""
    if not text:
        return "–"
    return f"{datetime.fromisoformat(text).astimezone(clock.BERLIN):%d.%m.%Y, %H:%M:%S} Uhr"


def minute(text: str | None) -> str:
    """The same without seconds."""
    return f"{datetime.fromisoformat(text).astimezone(clock.BERLIN):%d.%m.%Y, %H:%M} Uhr" if text else "–"


def day(text: str | None) -> str:
    """A day (ISO 8601) as people in Germany read it."""
    return f"{date.fromisoformat(text[:10]):%d.%m.%Y}" if text else "–"


def size(count: int) -> str:
    """A number of bytes."""
    if count < 1000:
        return f"{count} Byte"
    unit, value = ("KB", count / 1000) if count < 1_000_000 else ("MB", count / 1_000_000)
    return f"{value:.1f} {unit}".replace(".", ",")


def duration(micros: float | None) -> str:
    """How long something took."""
    if micros is None:
        return "–"
    seconds = micros / clock.SECOND
    if seconds < 100:
        return f"{seconds:.1f} s".replace(".", ",")
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


def number(count: int) -> str:
    """A number with points between thousands."""
    return f"{count:,}".replace(",", ".")
