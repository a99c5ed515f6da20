"""The shapes of the API's requests and answers, as OpenAPI 3.1 describes them (JSON Schema 2020-12).

Promises: pure data; lists of statuses and kinds are those of the program, never written twice. The shapes are those of
contracts.md section 5 and requirements.md section 3; what is optional says so.
Fails: not at all.
"""

from __future__ import annotations

from typing import Any, Final, get_args

from gateway.accept.commands import REASON_CHARS
from gateway.events import Art
from gateway.states import DeliveryStatus, MessageStatus
from gateway.store.search import MAX_PAGE
from routing import ANLAESSE
from routing.entscheidung import Ausgang, FolgeArt

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
UUID: Final[Schema] = {"type": "string", "format": "uuid"}
MOMENT: Final[Schema] = {"type": "string", "format": "date-time", "examples": ["2026-11-22T09:30:00.000Z"]}
DAY: Final[Schema] = {"type": "string", "format": "date"}
WHOLE: Final[Schema] = {"type": "integer", "minimum": 0}
TRUTH: Final[Schema] = {"type": "boolean"}
SHA256: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256, Hex, klein"}
KEY: Final[Schema] = {
    "type": "string",
    "pattern": "^[a-z]+:",
    "description": "Behördenschlüssel, etwa abh:05315000 oder gds:R8088",
    "examples": ["abh:05315000", "gds:R8088", "zab:koeln"],
}
"""Answers only repeat keys that were checked on their way in; here the prefix is enough."""


def ref(name: str) -> Schema:
    """A reference to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def null_or(schema: Schema) -> Schema:
    """The schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(values: Any) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": [str(value) for value in values]}


def array(schema: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": schema}


def closed(description: str, required: Schema, optional: Schema | None = None) -> Schema:
    """An object with these properties and no other."""
    return {
        "type": "object",
        "description": description,
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def _filter(schema: Schema, description: str) -> Schema:
    return schema | {"description": description}


_REASON: Final[Schema] = {
    "type": "string",
    "pattern": r"\S",
    "minLength": 1,
    "maxLength": REASON_CHARS,
    "description": "Grund, in einem Satz oder zweien",
}
_SEARCHED: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 200}
_AGS: Final[Schema] = {"type": "string", "pattern": "^[0-9]{8}$", "description": "Amtlicher Gemeindeschlüssel"}
_MESSAGE: Final[Schema] = {
    "id": UUID,
    "nachrichten_id": TEXT,
    "anlass": null_or(one_of(ANLAESSE)),
    "nummer": TEXT,
    "absender": TEXT,
    "empfaenger": array(KEY),
    "status": one_of(MessageStatus),
    "eingang": MOMENT,
}
_WITHHELD: Final[Schema] = {
    "zurueckstellung": closed(
        "Nur für den Absender und den Betrieb: wie lange die Mitteilung schon zurückgestellt ist (Nr. 1)",
        {"seit": MOMENT, "tage": WHOLE, "erinnert_am": null_or(MOMENT), "naechste_erinnerung": null_or(DAY)},
    )
}

SCHEMAS: Final[Schema] = {
    "Entscheidung": closed(
        "Was die Regeln des Erlasses entscheiden, mit Begründung",
        {
            "entscheidung": one_of(get_args(Ausgang)),
            "empfaenger": array(KEY),
            "nummer": TEXT,
            "vorlaeufig": TRUTH,
            "vorrang": TRUTH,
            "begruendung": array(closed("Ein Grund", {"nummer": TEXT, "text": TEXT, "auslegung": TRUTH})),
            "hinweise": array(closed("Ein Hinweis", {"text": TEXT, "vorschlag": null_or(KEY)})),
            "fristen": array(
                closed("Eine Frist", {"nummer": TEXT, "faellig_am": DAY, "pflichtig": null_or(KEY), "text": TEXT})
            ),
            "folgen": array(
                closed(
                    "Was folgt: Es verpflichtet eine Behörde oder betrifft eine",
                    {"art": one_of(get_args(FolgeArt)), "nummer": TEXT, "text": TEXT},
                    {"pflichtig": KEY, "empfaenger": null_or(TEXT)},
                )
            ),
            "regelwerk": array(closed("Angewandte Fassung", {"name": TEXT, "fassung": TEXT})),
        },
    ),
    "Annahme": closed(
        "Die Nachricht ist dauerhaft gespeichert; das ist die Annahmequittung",
        {
            "id": UUID,
            "nachrichten_id": TEXT,
            "status": one_of(MessageStatus),
            "entscheidung": ref("Entscheidung"),
            "receipt": closed(
                "Annahmequittung",
                {
                    "art": {"const": "annahme"},
                    "sha256": SHA256,
                    "zeitpunkt": MOMENT,
                    "url": {"type": "string", "format": "uri-reference"},
                },
            ),
        },
    ),
    "Stand": closed(
        "Die Nachricht nach der Handlung",
        {
            "id": UUID,
            "nachrichten_id": TEXT,
            "status": one_of(MessageStatus),
            "entscheidung": ref("Entscheidung"),
        },
    ),
    "Weiterleitung": closed(
        "Die Weiterleitung; `id` ist die neue Nachricht, wo eine entstand",
        {
            "id": UUID,
            "nachrichten_id": TEXT,
            "status": one_of(MessageStatus),
            "an": null_or(KEY),
            "entscheidung": ref("Entscheidung"),
            "zustaendigkeitsmitteilung": null_or(UUID),
        },
        {"dezernat": TEXT},
    ),
    "Teil": closed(
        "Ein Teil: 0 ist das XML", {"n": WHOLE, "name": TEXT, "media_type": TEXT, "sha256": SHA256, "bytes": WHOLE}
    ),
    "Zustellung": closed(
        "Eine Zustellung an einen Empfänger",
        {
            "id": UUID,
            "empfaenger": KEY,
            "weg": one_of(("as2", "mail", "abruf")),
            "status": one_of(DeliveryStatus),
            "versuche": WHOLE,
            "naechster_versuch": null_or(MOMENT),
            "quittung_bis": null_or(MOMENT),
            "letzter_fehler": null_or(TEXT),
            "message_id": null_or(TEXT),
            "geaendert": MOMENT,
        },
        {"verlauf": array(ref("Versuch")), "quittungen": array(ref("Quittung"))},
    ),
    "Versuch": closed(
        "Ein Versuch zuzustellen",
        {"n": WHOLE, "beginn": MOMENT, "ende": null_or(MOMENT), "ergebnis": null_or(TEXT)},
    ),
    "Quittung": closed(
        "Eine Quittung und wie sie beurteilt wurde",
        {"id": UUID, "art": TEXT, "schritt": TEXT, "grund": TEXT, "zeitpunkt": MOMENT},
    ),
    "Ereignis": closed(
        "Ein Ereignis",
        {
            "id": UUID,
            "zeitpunkt": MOMENT,
            "art": one_of(Art),
            "zustellung": null_or(UUID),
            "akteur": TEXT,
            "angaben": {"type": "object", "description": "Schlüssel, Kennungen und Prüfsummen"},
        },
    ),
    "Nachricht": closed(
        "Eine Nachricht, wie sie der Aufrufer sehen darf",
        _MESSAGE
        | {
            "wurzel": TEXT,
            "version": TEXT,
            "test": TRUTH,
            "fremde_nachrichten_id": null_or(TEXT),
            "bezug": null_or(UUID),
            "vorgang": null_or(UUID),
            "inhalt_geloescht": null_or(MOMENT),
            "teile": array(ref("Teil")),
            "zustellungen": array(ref("Zustellung")),
        },
        {"entscheidung": ref("Entscheidung")},
    ),
    "Statusereignis": closed(
        "Was sich an einer Nachricht geändert hat; `status` ist der Stand beim Senden des Ereignisses",
        {
            "id": UUID,
            "zeitpunkt": MOMENT,
            "art": one_of(Art),
            "nachricht": UUID,
            "nachrichten_id": TEXT,
            "zustellung": null_or(UUID),
            "status": one_of(MessageStatus),
        },
    ),
    "Kurz": closed("Eine Nachricht, wie Listen sie zeigen", _MESSAGE, _WITHHELD),
    "Suche": closed(
        "Was gesucht wird; ohne `von` die letzten 30 Tage",
        {},
        {
            "status": _filter(_SEARCHED, "Status der Nachricht"),
            "absender": _filter(_SEARCHED, "Schlüssel des Absenders"),
            "empfaenger": _filter(_SEARCHED, "Schlüssel eines Empfängers"),
            "anlass": _filter(_SEARCHED, "Anlass"),
            "nummer": _filter(_SEARCHED, "Nummer des Erlasses"),
            "aktenzeichen": _filter(_SEARCHED, "Aktenzeichen"),
            "azr_nummer": _filter(_SEARCHED, "AZR-Nummer"),
            "nachrichten_id": _filter(_SEARCHED, "eigeneNachrichtenID des Absenders"),
            "von": _filter(_SEARCHED, "Beginn, ISO 8601; ohne Zeitzone deutsche Zeit"),
            "bis": _filter(_SEARCHED, "Ende, ISO 8601; ausgeschlossen"),
            "nach": _filter(_SEARCHED, "`naechste` der Seite davor"),
            "anzahl": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
        },
    ),
    "Seite": closed(
        "Eine Seite der Suche, Neueste zuerst",
        {
            "eintraege": array(ref("Kurz")),
            "naechste": null_or(TEXT),
            "fenster": closed("Der Zeitraum, der durchsucht wurde", {"von": MOMENT, "bis": MOMENT}),
        },
    ),
    "Eingangskorb": closed(
        "Was auf Abholung wartet, Ältestes zuerst",
        {
            "eintraege": array(
                closed(
                    "Ein Eintrag",
                    {
                        "id": UUID,
                        "nachricht": UUID,
                        "nachrichten_id": TEXT,
                        "absender": TEXT,
                        "empfaenger": KEY,
                        "anlass": null_or(one_of(ANLAESSE)),
                        "eingang": MOMENT,
                        "teile": array(
                            closed("Ein Teil", {"n": WHOLE, "name": TEXT, "sha256": SHA256, "bytes": WHOLE})
                        ),
                    },
                )
            ),
            "naechste": null_or(UUID),
        },
    ),
    "Abholung": closed(
        "Die Quittung ist geprüft und gespeichert",
        {"id": UUID, "nachricht": UUID, "status": one_of([DeliveryStatus.ZUGESTELLT])},
    ),
    "Vorgangssuche": closed(
        "Eine der drei Angaben azr_nummer, aktenzeichen, nachrichten_id",
        {},
        {
            "azr_nummer": _SEARCHED,
            "aktenzeichen": _SEARCHED,
            "behoerde": _filter(_SEARCHED, "Zu `aktenzeichen`: wessen"),
            "nachrichten_id": _SEARCHED,
        },
    )
    | {"anyOf": [{"required": [key]} for key in ("azr_nummer", "aktenzeichen", "nachrichten_id")]},
    "Vorgaenge": closed(
        "Gefundene Vorgänge",
        {"eintraege": array(closed("Ein Vorgang", {"id": UUID, "nachrichten": WHOLE, "letzte": MOMENT}))},
    ),
    "Vorgang": closed(
        "Alle Nachrichten eines Verfahrens und einer Person, wie sie der Aufrufer sehen darf",
        {
            "id": UUID,
            "verfahren": array(closed("Ein Verfahren", {"behoerde": TEXT, "aktenzeichen": TEXT})),
            "nachrichten": array(ref("Kurz")),
            "unterrichtungen": array(
                closed("Wer wann wodurch unterrichtet wurde (2.4)", {"abh": KEY, "am": MOMENT, "nachricht": UUID})
            ),
            "pflichten": array(
                closed(
                    "Eine Pflicht",
                    {
                        "nummer": TEXT,
                        "faellig_am": null_or(DAY),
                        "pflichtig": KEY,
                        "erledigt_am": null_or(MOMENT),
                        "text": TEXT,
                        "nachricht": UUID,
                        "erinnert_am": null_or(MOMENT),
                    },
                )
            ),
            "weiterleitungen": array(
                closed(
                    "Eine Weiterleitung",
                    {
                        "nachricht": null_or(UUID),
                        "weiterleitung": null_or(UUID),
                        "von": TEXT,
                        "an": null_or(KEY),
                        "dezernat": null_or(TEXT),
                        "am": MOMENT,
                    },
                )
            ),
        },
    ),
    "Weiterleiten": closed(
        "Ohne `an` bestimmt das Gateway die Behörde nach § 14 ZustAVO",
        {"grund": _REASON},
        {
            "an": null_or(_filter(_REASON, "Schlüssel der zuständigen Behörde")),
            "dezernat": null_or(_filter(_REASON, "Nur bei Ersuchen nach 2.5: Dezernat der Staatsanwaltschaft")),
            "wohnsitz_ags": null_or(_AGS),
            "auflage_ags": null_or(_AGS),
        },
    ),
    "Zuweisen": closed("Klärung durch den Betrieb", {"an": _filter(_REASON, "Schlüssel"), "grund": _REASON}),
    "Begruendung": closed("Warum", {"grund": _REASON}),
    "Freigabe": closed("Der Absender braucht keinen Grund", {}, {"grund": null_or(_REASON)}),
    "Problem": closed(
        "RFC 9457",
        {
            "type": {"type": "string", "format": "uri"},
            "title": TEXT,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": TEXT,
            "errors": array(
                closed(
                    "Ein Befund",
                    {
                        "code": TEXT,
                        "zeile": null_or(WHOLE),
                        "spalte": null_or(WHOLE),
                        "xpath": null_or(TEXT),
                        "text": TEXT,
                        "nummer": null_or(TEXT),
                    },
                )
            ),
        },
        {"entscheidung": ref("Entscheidung")},
    ),
}
"""Every shape by its name."""
