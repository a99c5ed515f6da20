"""The description of `/v1` that programs read: `GET /v1/openapi.json` (OpenAPI 3.1).

Promises: every route of the API is described, and nothing else (a test holds both against each other, and every
answer that the tests see against its shape). Texts are German, for the developers of agencies' systems.
Fails: not at all.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from gateway import clock
from gateway.accept.form import XML_BYTES
from gateway.service.views import openapi_examples
from gateway.service.views.openapi_examples import Example
from gateway.service.views.openapi_schemas import SCHEMAS, UUID, Schema, array, closed, ref
from gateway.web import answer_json

_PROBLEMS: Final = {
    400: "Nicht lesbar: kein XML, kein vollständiges multipart/form-data oder JSON, unbekannte Angabe",
    401: "Kein Client-Zertifikat",
    403: "Zertifikat nicht eingetragen, ohne die nötige Rolle, oder Absender gehört nicht dazu",
    404: "Gibt es nicht, oder nicht für Sie",
    405: "Diese Methode gibt es hier nicht",
    408: "Die Übertragung stockt",
    409: "Die ID ist vergeben, oder der Zustand lässt es nicht zu",
    410: "Der Inhalt wurde nach Ablauf seiner Frist gelöscht; Hashwerte, Ereignisse und Nachweise bleiben",
    413: "Eine Grenze ist überschritten",
    415: "Anderer Medientyp erwartet",
    422: "Schema, Regel oder unzulässig; gespeichert wird nur ein Ereignis ohne Inhalt",
    429: "Zu viele Anfragen; Retry-After sagt, wann wieder",
    500: "Fehler im Gateway; dieselbe Anfrage später noch einmal",
    503: "Vorübergehend nicht verfügbar; Retry-After sagt, wann wieder",
}
_EVERYWHERE: Final = (400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 503)
"""Any call may end so."""

_ID: Final[Schema] = {"name": "id", "in": "path", "required": True, "schema": UUID}
_PART: Final[Schema] = {
    "name": "n",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 0, "maximum": 9999},
    "description": "0 ist das XML",
}
_AFTER: Final[Schema] = {
    "name": "nach",
    "in": "query",
    "required": False,
    "schema": UUID,
    "description": "`naechste` der Seite davor",
}


def document(version: str, shown: Mapping[str, Example] | None = None) -> Schema:
    """The whole description.

    Args:
        version: version of the program.
        shown: examples of messages and their answers, by Anlass.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Gateway für Mitteilungen zwischen Justiz, Polizei und Ausländerbehörden",
            "version": version,
            "description": _ABOUT,
        },
        "servers": [{"url": "/"}],
        "security": [{"clientCertificate": []}],
        "paths": _paths(shown or {}),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "clientCertificate": {"type": "mutualTLS", "description": "Eingetragen unter [[zugang]]"}
            },
            "responses": {_name(code): _problem(code, text) for code, text in _PROBLEMS.items()},
        },
    }


_ABOUT: Final = (
    "Nachrichten einliefern, verfolgen, weiterleiten und abholen. Angemeldet wird mit einem Client-Zertifikat. Was ein "
    "Aufrufer nicht sehen darf, gibt es für ihn nicht (404). Personenbezogene Daten stehen nie in einer Adresse. "
    "Fehler haben die Form von RFC 9457; `errors` nennt Zeile, XPath und was zu ändern ist, deutsch "
    "oder mit `Accept-Language: en` englisch."
)


def _paths(shown: Mapping[str, Example]) -> Schema:
    body, answered = _message_body(shown), _answered(shown)
    return {
        "/v1/messages": {"post": _call("Eine Nachricht einliefern", "messages_post", answered, (409, 422), body=body)},
        "/v1/messages/search": {"post": _found("Nachrichten suchen", "messages_search", "Suche", "Seite")},
        "/v1/messages/{id}": {"get": _shown("Eine Nachricht", "message", ref("Nachricht"), _ID)},
        "/v1/messages/{id}/events": {"get": _shown("Ihre Ereignisse", "message_events", _list("Ereignis"), _ID)},
        "/v1/messages/{id}/deliveries": {
            "get": _shown("Ihre Zustellungen mit Versuchen", "message_deliveries", _list("Zustellung"), _ID)
        },
        "/v1/messages/{id}/evidence": {"get": _call("Ihre Nachweise", "message_evidence", _evidence(), (), _ID)},
        "/v1/messages/{id}/parts/{n}": {"get": _PART_CALL},
        "/v1/messages/{id}/forward": {
            "post": _acted("Weiterleiten (3.2, 5.4; Ersuchen: 2.5)", "message_forward", "Weiterleiten", _FORWARDED)
        },
        "/v1/messages/{id}/release": {
            "post": _acted("Zurückgestelltes freigeben (Nr. 1)", "message_release", "Freigabe", required=False)
        },
        "/v1/messages/{id}/assign": {
            "post": _acted("Klärung: zuweisen (Betrieb)", "message_assign", "Zuweisen", _ASSIGNED)
        },
        "/v1/messages/{id}/resend": {"post": _acted("Noch einmal senden (Betrieb)", "message_resend", "Begruendung")},
        "/v1/messages/{id}/cancel": {"post": _acted("Stornieren (Betrieb)", "message_cancel", "Begruendung")},
        "/v1/inbox": {"get": _shown("Was auf Abholung wartet", "inbox", ref("Eingangskorb"), _AFTER)},
        "/v1/inbox/{id}/ack": {
            "post": _call("Den Empfang quittieren", "inbox_ack", _json(200, "Abholung"), (409, 422), _ID, body=_ACK)
        },
        "/v1/events": {"get": _EVENTS},
        "/v1/vorgaenge/search": {"post": _found("Vorgänge suchen", "vorgaenge_search", "Vorgangssuche", "Vorgaenge")},
        "/v1/vorgaenge/{id}": {"get": _shown("Ein Vorgang", "vorgang", ref("Vorgang"), _ID)},
        "/v1/openapi.json": {"get": _shown("Diese Beschreibung", "openapi", {"type": "object"})},
    }


def _call(
    summary: str,
    name: str,
    answers: Schema,
    problems: tuple[int, ...] = (),
    *parameters: Schema,
    body: Schema | None = None,
) -> Schema:
    failed = {str(code): {"$ref": f"#/components/responses/{_name(code)}"} for code in (*_EVERYWHERE, *problems)}
    value: Schema = {"summary": summary, "operationId": name, "responses": answers | failed}
    if parameters:
        value["parameters"] = list(parameters)
    if body is not None:
        value["requestBody"] = body
    return value


def _shown(summary: str, name: str, schema: Schema, *parameters: Schema) -> Schema:
    return _call(summary, name, _answer(200, schema), (), *parameters)


def _evidence() -> Schema:
    """JSON, or the package, by what the caller accepts."""
    answer = _answer(200, {"type": "object"})
    answer["200"]["content"]["application/x-tar"] = {"schema": _FILE | {"contentMediaType": "application/x-tar"}}
    answer["200"]["description"] = "Mit `Accept: application/x-tar` ein Paket, das `gateway verify` ohne Gateway prüft"
    return answer


def _found(summary: str, name: str, query: str, found: str) -> Schema:
    return _call(summary, name, _json(200, found), body=_json_body(query))


def _acted(summary: str, name: str, body: str, answers: Schema | None = None, *, required: bool = True) -> Schema:
    return _call(
        summary, name, answers or _json(200, "Stand"), (409, 410, 422), _ID, body=_json_body(body, required=required)
    )


def _json_body(name: str, *, required: bool = True) -> Schema:
    return {"required": required, "content": {"application/json": {"schema": ref(name)}}}


def _json(code: int, name: str) -> Schema:
    return _answer(code, ref(name))


def _answer(code: int, schema: Schema) -> Schema:
    return {str(code): {"description": "Erledigt", "content": {"application/json": {"schema": schema}}}}


def _list(name: str) -> Schema:
    return closed("Liste", {"eintraege": array(ref(name))})


def _name(code: int) -> str:
    return f"Fehler{code}"


def _problem(code: int, text: str) -> Schema:
    headers = _LANGUAGE | (_COME_AGAIN if code in (429, 503) else {})
    return {
        "description": text,
        "headers": headers,
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }


_LANGUAGE: Final[Schema] = {
    "Content-Language": {
        "description": "Sprache der Texte: `de`, mit `Accept-Language: en` `en`; mit einer Entscheidung `en, de`",
        "schema": {"type": "string", "enum": ["de", "en", "en, de"]},
    },
    "Vary": {"description": "Wovon die Antwort abhängt", "schema": {"const": "Accept-Language"}},
}
_COME_AGAIN: Final[Schema] = {
    "Retry-After": {"description": "Nach so vielen Sekunden wieder", "schema": {"type": "integer", "minimum": 1}}
}


_LOCATION: Final[Schema] = {"Location": {"description": "Wo sie zu finden ist", "schema": {"type": "string"}}}
_FILE: Final[Schema] = {"type": "string", "contentMediaType": "application/octet-stream"}
_XML: Final[Schema] = {"type": "string", "contentMediaType": "application/xml", "maxLength": XML_BYTES}

_ABOUT_IT: Final[Schema] = {
    name: {"operationId": name, "parameters": {"id": "$response.body#/id"}}
    for name in ("message", "message_events", "message_deliveries", "message_evidence", "message_forward")
}
_ANSWERED: Final[Schema] = {
    code: _json(int(code), "Annahme")[code] | {"description": text, "headers": _LOCATION, "links": _ABOUT_IT}
    for code, text in (
        ("202", "Dauerhaft gespeichert"),
        ("200", "Dieselbe Nachricht noch einmal: die gespeicherte Antwort"),
    )
}
_FORWARDED: Final[Schema] = {
    "202": _json(202, "Weiterleitung")["202"] | {"description": "Weitergeleitet", "headers": _LOCATION}
}
_ASSIGNED: Final[Schema] = _json(200, "Stand") | {
    "202": _json(202, "Weiterleitung")["202"] | {"description": "Eine Weiterleitung, die wartete, ist unterwegs"}
}


def _message_body(shown: Mapping[str, Example]) -> Schema:
    """What is posted; an example for each Anlass, as a form where files go with it."""
    alone = {anlass: each.xml for anlass, each in shown.items() if not each.files}
    forms = {
        anlass: {"nachricht": each.xml} | dict.fromkeys(each.files, "%PDF-1.7 …")
        for anlass, each in shown.items()
        if each.files
    }
    form = _FORM | {"examples": _examples(forms)}
    xml = {"schema": _XML, "examples": _examples(alone)}
    return {"required": True, "content": {"application/xml": xml, "multipart/form-data": form}}


def _answered(shown: Mapping[str, Example]) -> Schema:
    """What comes back; the decision on each example."""
    decided = _examples({anlass: each.answer for anlass, each in shown.items()})
    accepted = _ANSWERED["202"]
    content = {"application/json": accepted["content"]["application/json"] | {"examples": decided}}
    return _ANSWERED | {"202": accepted | {"content": content}}


def _examples(values: Mapping[str, object]) -> Schema:
    return {anlass: {"summary": f"Anlass {anlass}", "value": value} for anlass, value in values.items()}


_FORM: Final[Schema] = {
    "schema": {
        "type": "object",
        "properties": {
            "nachricht": _XML,
            "sachverhalt": {"type": "string", "contentMediaType": "application/json"},
            "empfaenger": {"type": "string", "description": "Nur zu amtlichen Nachrichten: Schlüssel"},
            "bestehen_auf": {"type": "string", "description": "Warum trotz „entbehrlich“ zugestellt wird"},
        },
        "required": ["nachricht"],
        "additionalProperties": _FILE,
        "description": "Dateien tragen den Namen, den das XML nennt (filename)",
    }
}
_ACK: Final[Schema] = {
    "required": True,
    "description": "Abgesetzte CMS-Signatur (DER) über die Kennung des Eintrags und die SHA-256 der Teile nach n, "
    "durch einzelne Leerzeichen getrennt",
    "content": {"application/pkcs7-signature": {"schema": _FILE}},
}
_PART_CALL: Final[Schema] = _call(
    "Ein Teil",
    "message_part",
    {
        "200": {
            "description": "Der Inhalt",
            "content": {"application/xml": {"schema": _XML}, "application/octet-stream": {"schema": _FILE}},
        }
    },
    (410,),
    _ID,
    _PART,
)


_EVENTS: Final[Schema] = _call(
    "Statusänderungen als Ereignisstrom (Server-Sent Events)",
    "events",
    {
        "200": {
            "description": "`event: status`, in `data` ein `Statusereignis` als JSON in einer Zeile, in `id` die "
            "Stelle; Leerereignisse tragen nur `id`. Mindestens einmal, in der Reihenfolge des Protokolls",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
    (409,),
    {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
        "description": "Letzte erhaltene Stelle; ohne sie beginnt der Strom mit dem, was von jetzt an geschieht",
    },
)


def routes(version: str) -> list[web.AbstractRouteDef]:
    """The route that shows it.

    Args:
        version: version of the program.
    """

    @functools.cache
    def whole() -> Schema:
        return document(version, openapi_examples.packaged(clock.day(clock.now())))

    async def show(_request: web.Request) -> web.Response:
        """`GET /v1/openapi.json`."""
        return answer_json(await asyncio.to_thread(whole))

    return [web.get("/v1/openapi.json", show, name="openapi")]
