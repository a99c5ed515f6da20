"""What can be wrong with what somebody sends us, and the answer that they get.

Promises: every refusal knows its HTTP status, a stable code, a German text that says how to mend it (in English by the
catalogue of gateway/english.py), and nothing about our inside. Texts never carry content of the message beyond names of
elements and keys of authorities.
Fails: not at all; these are values to raise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.english import Language, english


@dataclass(frozen=True, slots=True)
class Befund:
    """One finding, as RFC 9457 `errors` lists it (contracts.md section 5)."""

    code: str
    text: str
    """A German sentence: what is wrong and how to mend it."""
    zeile: int | None = None
    spalte: int | None = None
    """Column, only for syntax errors."""
    xpath: str | None = None
    nummer: str | None = None
    """Number of the decree whose demand is not met, where there is one."""

    def as_json(self, language: Language = "de") -> dict[str, Any]:
        """The finding as a JSON object with all six keys."""
        return {
            "code": self.code,
            "zeile": self.zeile,
            "spalte": self.spalte,
            "xpath": self.xpath,
            "text": said(self.text, language),
            "nummer": self.nummer,
        }


def said(text: str, language: Language) -> str:
    """A German text in the language asked for; the decree's own words stay as they are."""
    return (english(text) or text) if language == "en" else text


class Refusal(Exception):
    """Die Anfrage wurde abgewiesen."""

    status = 400
    code = "abgewiesen"
    title = "Anfrage abgewiesen"

    def __init__(
        self,
        detail: str = "",
        *befunde: Befund,
        code: str | None = None,
        entscheidung: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.detail = detail or " ".join((self.__doc__ or "").split())
        self.code = code or type(self).code
        self.befunde = befunde or (Befund(self.code, self.detail),)
        self.entscheidung = entscheidung
        self.retry_after = retry_after
        super().__init__(self.detail)

    def as_problem(self, language: Language = "de") -> dict[str, Any]:
        """RFC 9457 problem details as a JSON object, for people who read this language."""
        problem: dict[str, Any] = {
            "type": f"urn:de:nrw:gateway:fehler:{self.code}",
            "title": said(self.title, language),
            "status": self.status,
            "detail": self._detail(language),
            "errors": [befund.as_json(language) for befund in self.befunde],
        }
        if self.entscheidung is not None:
            problem["entscheidung"] = self.entscheidung
        return problem

    def _detail(self, language: Language) -> str:
        """The detail; in English, where it is the decree's own words, what the kind of refusal means."""
        if language == "de":
            return self.detail
        return english(self.detail) or said(" ".join((type(self).__doc__ or "").split()), language)


class Malformed(Refusal):
    """Die Anfrage ist kein wohlgeformtes XML oder kein vollständiges multipart/form-data."""

    status = 400
    code = "fehlerhaft"
    title = "Nicht lesbar"


class Unauthenticated(Refusal):
    """Es wurde kein Client-Zertifikat vorgelegt."""

    status = 401
    code = "nicht_angemeldet"
    title = "Nicht angemeldet"


class Forbidden(Refusal):
    """Das Zertifikat ist hierfür nicht zugelassen."""

    status = 403
    code = "nicht_erlaubt"
    title = "Nicht erlaubt"


class NotFound(Refusal):
    """Unter dieser Adresse gibt es nichts, das Sie sehen dürfen."""

    status = 404
    code = "nicht_gefunden"
    title = "Nicht gefunden"


class Conflict(Refusal):
    """Unter dieser Nachrichten-ID liegt bereits eine andere Nachricht vor."""

    status = 409
    code = "konflikt"
    title = "Konflikt"


class Gone(Refusal):
    """Der Inhalt dieser Nachricht ist gelöscht, weil die Aufbewahrungsfrist vorbei ist; die Nachweise sind noch da."""

    status = 410
    code = "inhalt_geloescht"
    title = "Inhalt gelöscht"


class TooLarge(Refusal):
    """Die Anfrage überschreitet eine Größengrenze."""

    status = 413
    code = "zu_gross"
    title = "Zu groß"


class UnsupportedMediaType(Refusal):
    """Der Medientyp der Anfrage wird nicht unterstützt."""

    status = 415
    code = "medientyp"
    title = "Medientyp nicht unterstützt"


class Invalid(Refusal):
    """Die Nachricht verletzt ihr Schema oder eine fachliche Regel."""

    status = 422
    code = "ungueltig"
    title = "Nachricht ungültig"


class TooMany(Refusal):
    """Das sind zu viele Anfragen auf einmal; bitte nach der genannten Zeit fortfahren."""

    status = 429
    code = "zu_viele_anfragen"
    title = "Zu viele Anfragen"


class Damaged(Refusal):
    """Der gespeicherte Inhalt ist beschädigt und wird nicht herausgegeben; bitte den Betrieb verständigen."""

    status = 500
    code = "inhalt_beschaedigt"
    title = "Inhalt beschädigt"


class Overloaded(Refusal):
    """Das Gateway nimmt gerade nichts an; bitte später erneut senden."""

    status = 503
    code = "ueberlastet"
    title = "Vorübergehend nicht verfügbar"
