"""The facts of one notice, read strictly: what requirements.md section 3 calls the Sachverhalt.

Promises: an immutable value; `from_json` refuses whatever the contract does not list and names every fault at once;
`as_json` gives back what came in, without the keys that are missing. No I/O, no clock.
Fails: by `KeinSachverhalt`, whose `fehler` are German sentences without content beyond keys and names of values.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from routing.leser import KeinSachverhalt, Lesart, Leser, ags, eins_aus, ist_schluessel, objekt, schluessel

__all__ = ["ANLAESSE", "KeinSachverhalt", "Sachverhalt", "Vorgangslage", "ist_schluessel"]

ANLAESSE: Final[tuple[str, ...]] = (
    "ermittlungsverfahren_eingeleitet",
    "erkenntnis_87_abs_2",
    "auslieferungsverfahren_eingeleitet",
    "haftbefehl_erlassen",
    "haftbefehl_aufgehoben",
    "einvernehmen_ersuchen",
    "einvernehmen_entscheidung",
    "abschiebung_durchgefuehrt",
    "abschiebung_nicht_durchgefuehrt",
    "zustaendigkeitswechsel",
    "ersuchen_zurueckgenommen",
    "beteiligung_aufenthaltstitel_25",
    "beteiligung_ausreisefrist_59_7",
    "beteiligung_antwort",
    "untersuchungshaft_antritt",
    "untersuchungshaft_verlegung",
    "untersuchungshaft_entlassung",
    "pruefergebnis_untersuchungshaft",
    "haftaufhebung_beabsichtigt",
    "haftverschonung_beabsichtigt",
    "entlassung_bekannt",
    "entlassung_durch_gericht_beabsichtigt",
    "verfahren_eingestellt",
    "strafbefehl_beantragt",
    "anklage_erhoben",
    "hauptverhandlung_termin",
    "hauptverhandlung_ergebnis",
    "verfahren_erledigt",
    "urteil_nachgereicht",
    "strafaussetzung_widerrufen",
    "zurueckstellung_strafvollstreckung_widerrufen",
    "strafhaft_antritt",
    "strafhaft_verlegung",
    "entlassungstermin_vorgesehen",
    "entlassungstermin_festgesetzt",
    "entlassungstermin_geaendert",
    "auslieferungshaft_antritt",
    "auslieferungshaft_verlegung",
    "akteneinsicht_ersuchen",
    "akteneinsicht_antwort",
    "pruefergebnis_vollstreckung",
    "entscheidung_456a",
    "ausgang_des_verfahrens_482",
    "asyl_mitteilung_8_1a",
    "vollzugsmitteilung",
    "weitere_mitteilung",
    "berichtigung",
)
"""Every kind of event, in the order of the table of requirements.md section 2."""

EINGELEITET_DURCH: Final = (
    "staatsanwaltschaft",
    "zoll",
    "finanzbehoerde",
    "polizei_ausserhalb_nrw",
    "bundespolizei",
    "polizei_nrw",
)
"""Who opened the proceedings (Nr. 2.2)."""
AUFLAGE_ARTEN: Final = ("wohnsitzauflage", "raeumliche_beschraenkung")
UNTERBRINGUNG_ARTEN: Final = ("wohnpflicht", "unterbringung")
MASSNAHMEN: Final = ("ausweisung", "abschiebung")


@dataclass(frozen=True, slots=True)
class Azr:
    """What the Ausländerzentralregister said."""

    abgefragt: bool = False
    aktenfuehrende_abh: str | None = None


@dataclass(frozen=True, slots=True)
class Auflage:
    """A Wohnsitzauflage or räumliche Beschränkung (§ 14 Abs. 1 ZustAVO)."""

    ags: str | None = None
    art: str | None = None


@dataclass(frozen=True, slots=True)
class Aufnahme:
    """The Aufnahmeeinrichtung in which the person must live or is lodged (Nr. 3.2 Satz 4)."""

    ags: str | None = None
    land_nrw: bool = False
    art: str | None = None


@dataclass(frozen=True, slots=True)
class Verfahren:
    """One criminal proceeding of the person."""

    staatsanwaltschaft: str | None = None
    gericht: str | None = None
    aktenzeichen: str | None = None


@dataclass(frozen=True, slots=True)
class BereitsUnterrichtet:
    """That another body told the ABH before (Nr. 2.2 Satz 1)."""

    abh: str | None = None
    durch: str | None = None
    am: datetime.date | None = None
    aktenkundig: bool = False


@dataclass(frozen=True, slots=True)
class Sachverhalt:
    """The facts of one notice. What is missing is None; a missing condition is read as false (2a.3)."""

    anlass: str
    absender: str
    stand: datetime.date | None = None
    azr: Azr | None = None
    bekannte_abh: str | None = None
    tatort_ags: str | None = None
    wohnsitz_ags: str | None = None
    aufenthaltsort_ags: str | None = None
    auflage: Auflage | None = None
    aufnahmeeinrichtung: Aufnahme | None = None
    haftanstalt: str | None = None
    verfahren: tuple[Verfahren, ...] = ()
    vollstreckungsbehoerde: str | None = None
    befasste_polizei: str | None = None
    ersuchende_abh: str | None = None
    neue_abh: str | None = None
    empfaenger: str | None = None
    rechtsgrundlage: str | None = None
    eingeleitet_durch: str | None = None
    bereits_unterrichtet: BereitsUnterrichtet | None = None
    unterrichtet_nach_2_5: bool | None = None
    pruefergebnis_nach_3_3: bool | None = None
    massnahmen_kommen_in_betracht: bool | None = None
    ausnahme_87_abs_5_nr_1: bool | None = None
    langfristige_abschiebungshindernisse: bool | None = None
    gefaehrdet_untersuchungszweck: bool | None = None
    eilbeduerftig: bool | None = None
    jgg_verfahren: bool | None = None
    unionsbuerger: bool | None = None
    massnahme: str | None = None
    bestehen_auf: str | None = None
    halbstrafenzeitpunkt: datetime.date | None = None
    entlassung_am: datetime.date | None = None
    eingang_strafanzeige: datetime.date | None = None
    telefonisch_am: datetime.date | None = None

    @classmethod
    def from_json(cls, angaben: object) -> Sachverhalt:
        """Reads the facts from a JSON object.

        Args:
            angaben: the object as `json.loads` gives it; `null` means missing.

        Returns:
            The facts.

        Raises:
            KeinSachverhalt: unknown key or Anlass, malformed key or day, value outside its list, wrong type; `fehler`
                names all of them.

        Source: requirements.md section 3.
        """
        leser = Leser()
        werte = leser.objekt(angaben, "", _FELDER)
        for pflicht in ("anlass", "absender"):
            if isinstance(angaben, Mapping) and angaben.get(pflicht) is None:
                leser.fehler.append(f"„{pflicht}“ fehlt.")
        if leser.fehler:
            raise KeinSachverhalt(leser.fehler)
        return cls(**werte)

    def as_json(self) -> dict[str, Any]:
        """The facts as a JSON object, without what is missing; `from_json` reads it back to an equal value."""
        return _as_json(self)


@dataclass(frozen=True, slots=True)
class Vorgangslage:
    """The facts that its Vorgang adds to a notice. Withheld notices (Nr. 1) must not be counted in any of them."""

    festgestellte_abh: str | None = None
    """The ABH last established in the Vorgang: Zuständigkeitsmitteilung, forward, or `neue_abh` of 2.7."""
    unterrichtete_abhs: tuple[str, ...] = ()
    """ABHs that were informed in the Vorgang, oldest first, forwards included."""
    offenes_ersuchen: bool = False
    """The Vorgang holds an Ersuchen under 2.5 that was not withdrawn (4.2)."""
    pruefergebnis_3_3: bool = False
    """The Vorgang holds a result of the examination under 3.3 (3.4 Satz 1)."""
    bezug_absender: str | None = None
    """Sender of the message that `fremdeNachrichtenID` names: 2.5 Satz 5, 2.8, 5.5 and corrections."""
    bezug_eilbeduerftig: bool = False
    """The Ersuchen that the message answers was eilbedürftig (2.5 Satz 5)."""
    bezug_empfaenger: tuple[str, ...] = ()
    """Everybody who was informed of the message that a correction names, forwards included (§ 20 EGGVG)."""
    freigegeben: bool = False
    """The notice was withheld and has been released (Nr. 1): it is delivered now, with Vorrang."""


_VERFAHREN: Final[Mapping[str, Lesart]] = {
    "staatsanwaltschaft": schluessel,
    "gericht": schluessel,
    "aktenzeichen": Leser.text,
}


def _liste(leser: Leser, wert: object, pfad: str) -> tuple[Verfahren, ...] | None:
    return leser.liste(wert, pfad, objekt(Verfahren, _VERFAHREN))


def _anlass(leser: Leser, wert: object, pfad: str) -> str | None:
    return leser.muster(wert, pfad, ANLAESSE.__contains__, "einer der Anlässe, die der Erlass kennt")


_AZR: Final[Mapping[str, Lesart]] = {"abgefragt": Leser.wahr, "aktenfuehrende_abh": schluessel}
_AUFLAGE: Final[Mapping[str, Lesart]] = {"ags": ags, "art": eins_aus(*AUFLAGE_ARTEN)}
_AUFNAHME: Final[Mapping[str, Lesart]] = {
    "ags": ags,
    "land_nrw": Leser.wahr,
    "art": eins_aus(*UNTERBRINGUNG_ARTEN),
}
_BEREITS: Final[Mapping[str, Lesart]] = {
    "abh": schluessel,
    "durch": schluessel,
    "am": Leser.datum,
    "aktenkundig": Leser.wahr,
}
_WAHR: Final = (
    "unterrichtet_nach_2_5",
    "pruefergebnis_nach_3_3",
    "massnahmen_kommen_in_betracht",
    "ausnahme_87_abs_5_nr_1",
    "langfristige_abschiebungshindernisse",
    "gefaehrdet_untersuchungszweck",
    "eilbeduerftig",
    "jgg_verfahren",
    "unionsbuerger",
)
_BEHOERDEN: Final = (
    "absender",
    "bekannte_abh",
    "haftanstalt",
    "vollstreckungsbehoerde",
    "befasste_polizei",
    "ersuchende_abh",
    "neue_abh",
    "empfaenger",
)
_TAGE: Final = ("stand", "halbstrafenzeitpunkt", "entlassung_am", "eingang_strafanzeige", "telefonisch_am")
_FELDER: Final[Mapping[str, Lesart]] = {
    "anlass": _anlass,
    **dict.fromkeys(_BEHOERDEN, schluessel),
    **dict.fromkeys(("tatort_ags", "wohnsitz_ags", "aufenthaltsort_ags"), ags),
    **dict.fromkeys(_WAHR, Leser.wahr),
    **dict.fromkeys(_TAGE, Leser.datum),
    **dict.fromkeys(("rechtsgrundlage", "bestehen_auf"), Leser.text),
    "azr": objekt(Azr, _AZR),
    "auflage": objekt(Auflage, _AUFLAGE),
    "aufnahmeeinrichtung": objekt(Aufnahme, _AUFNAHME),
    "bereits_unterrichtet": objekt(BereitsUnterrichtet, _BEREITS),
    "verfahren": _liste,
    "eingeleitet_durch": eins_aus(*EINGELEITET_DURCH),
    "massnahme": eins_aus(*MASSNAHMEN),
}


def _as_json(wert: Any) -> dict[str, Any]:
    """A value's present fields as JSON, nested values likewise."""
    ergebnis: dict[str, Any] = {}
    for feld in fields(wert):
        inhalt = getattr(wert, feld.name)
        if inhalt is None or inhalt == ():
            continue
        if isinstance(inhalt, tuple):
            ergebnis[feld.name] = [_as_json(teil) for teil in inhalt]
        elif isinstance(inhalt, datetime.date):
            ergebnis[feld.name] = inhalt.isoformat()
        else:
            ergebnis[feld.name] = inhalt if isinstance(inhalt, str | bool) else _as_json(inhalt)
    return ergebnis
