"""§ 14 and § 15 ZustAVO: which Ausländerbehörde, which Zentrale Ausländerbehörde.

Promises: pure look-ups in the directory, each answer with the sentence that gave it; None where the ordinance names
nobody in NRW, which is Klärung for whoever asked.
Fails: not at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from routing.entscheidung import Grund
from routing.sachverhalt import Sachverhalt
from routing.verzeichnis import Verzeichnis


@dataclass(frozen=True, slots=True)
class Zustaendigkeit:
    """Who is competent, and by which sentence."""

    abh: str | None
    """Key of the ABH or ZAB; None: nobody in NRW, or not enough is known."""
    grund: Grund


def zustaendige_abh(
    verzeichnis: Verzeichnis,
    *,
    auflage_ags: str | None = None,
    wohnsitz_ags: str | None = None,
    haftanstalt: str | None = None,
) -> Zustaendigkeit:
    """The ABH that is competent for a prisoner, as a forward without a named addressee needs it.

    A place that is given decides, also when it lies outside NRW: then nobody here is competent, and nothing falls
    through to the next step.

    Args:
        verzeichnis: the directory.
        auflage_ags: municipality to which the Aufenthalt is restricted, or in which the person must live.
        wohnsitz_ags: municipality of the gewöhnlicher Aufenthalt before custody.
        haftanstalt: key of the prison.

    Returns:
        The ABH and the reason; `abh` None for Klärung.

    Source: § 14 Abs. 1 and 4 ZustAVO; requirements.md 2a.7.
    """
    if auflage_ags is not None:
        art = "der räumlichen Beschränkung oder Wohnsitzauflage"
        return _nach_ort(verzeichnis, auflage_ags, "§ 14 Abs. 1 ZustAVO", art)
    if wohnsitz_ags is not None:
        art = "des gewöhnlichen Aufenthalts vor der Haft"
        return _nach_ort(verzeichnis, wohnsitz_ags, "§ 14 Abs. 4 ZustAVO", art)
    abh = verzeichnis.abh_des_bezirks(haftanstalt)
    if abh is None:
        text = "Weder ein früherer gewöhnlicher Aufenthalt noch der Bezirk der Haftanstalt ist bekannt."
        return Zustaendigkeit(None, Grund("§ 14 Abs. 4 ZustAVO", text))
    text = f"Ein früherer gewöhnlicher Aufenthalt ist nicht bekannt; die Haftanstalt liegt im Bezirk von {abh}."
    return Zustaendigkeit(abh, Grund("§ 14 Abs. 4 ZustAVO", text))


def _nach_ort(verzeichnis: Verzeichnis, ags: str, nummer: str, art: str) -> Zustaendigkeit:
    """The ABH of a place, or nobody if the place is no municipality of NRW."""
    abh = verzeichnis.abh_fuer_ags(ags)
    if abh is None:
        text = f"Der Ort {art} ({ags}) liegt außerhalb Nordrhein-Westfalens; hier ist keine Ausländerbehörde zuständig."
        return Zustaendigkeit(None, Grund(nummer, text))
    return Zustaendigkeit(abh, Grund(nummer, f"Zuständig ist die Ausländerbehörde des Ortes {art} ({ags}): {abh}."))


def zab_der_aufnahmeeinrichtung(verzeichnis: Verzeichnis, ags: str | None) -> Zustaendigkeit:
    """The ZAB of the Regierungsbezirk in which an Aufnahmeeinrichtung of the Land lies.

    Source: § 15 Abs. 3 ZustAVO, as Nr. 3.2 Satz 4 of the decree cites it.
    """
    nummer = "§ 15 Abs. 3 ZustAVO"
    if ags is None:
        return Zustaendigkeit(None, Grund(nummer, "Der Ort der Aufnahmeeinrichtung (aufnahmeeinrichtung.ags) fehlt."))
    zab = verzeichnis.zab_fuer_ags(ags)
    if zab is None:
        text = f"Der Ort der Aufnahmeeinrichtung ({ags}) liegt außerhalb Nordrhein-Westfalens."
        return Zustaendigkeit(None, Grund(nummer, text))
    bezirk = verzeichnis.gemeinden[ags].regierungsbezirk
    text = f"Die Aufnahmeeinrichtung liegt im Regierungsbezirk {bezirk}; dessen Zentrale Ausländerbehörde ist {zab}."
    return Zustaendigkeit(zab, Grund(nummer, text))


def weiterleitungsziel(
    verzeichnis: Verzeichnis,
    sachverhalt: Sachverhalt,
    *,
    auflage_ags: str | None = None,
    wohnsitz_ags: str | None = None,
) -> Zustaendigkeit:
    """Whom a recipient that is not competent forwards to, if it names nobody itself (3.2 Satz 2, 5.4 Satz 2).

    What the forwarding authority knows stands before what the notice said. Where neither names a place, the ABH of the
    district in which the sending prison (or the named `haftanstalt`) lies is competent; if that is the forwarder
    itself, the shell refuses.

    Args:
        verzeichnis: the directory.
        sachverhalt: the facts of the notice that is forwarded.
        auflage_ags: place of a Wohnsitzauflage or räumliche Beschränkung that the forwarder knows.
        wohnsitz_ags: place of the gewöhnlicher Aufenthalt that the forwarder knows.
    """
    aus_nachricht = sachverhalt.auflage.ags if sachverhalt.auflage else None
    absender = verzeichnis.behoerde(sachverhalt.absender, sachverhalt.stand)
    ist_anstalt = absender is not None and absender.art == "jva"
    return zustaendige_abh(
        verzeichnis,
        auflage_ags=auflage_ags or aus_nachricht,
        wohnsitz_ags=wohnsitz_ags or sachverhalt.wohnsitz_ags,
        haftanstalt=sachverhalt.absender if ist_anstalt else sachverhalt.haftanstalt,
    )
