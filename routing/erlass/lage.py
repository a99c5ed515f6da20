"""What a rule sees and what it answers; the helps that several numbers share.

Promises: immutable values and pure functions. A rule says whom the decree names; whether that authority is in the
directory, and whether the notice is withheld, `routing.ablauf` decides afterwards, in the order of 2a.1.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from routing.entscheidung import Folge, Grund, Hinweis
from routing.regelwerk import Einstellungen
from routing.sachverhalt import Sachverhalt, Vorgangslage
from routing.verzeichnis import AUSLAENDERBEHOERDEN, Behoerde, Verzeichnis

STRAFVERFOLGUNG: Final = frozenset({"polizei", "sta", "gericht"})
"""Senders whose notices may be withheld (Nr. 1); the Vollstreckungsleiter is a court."""
STA: Final = frozenset({"sta"})
POLIZEI: Final = frozenset({"polizei"})
JVA: Final = frozenset({"jva"})
GERICHT: Final = frozenset({"gericht"})
ABH: Final = AUSLAENDERBEHOERDEN
VOLLSTRECKUNG: Final = frozenset({"sta", "vollstreckungsleiter"})
"""Who enforces a judgment: the StA, under the JGG the Vollstreckungsleiter (5.1, 5.2, 5.6)."""

ART_NAMEN: Final = {
    ABH: "keine Ausländerbehörde",
    STA: "keine Staatsanwaltschaft",
    POLIZEI: "keine Polizeibehörde",
    JVA: "keine Justizvollzugsanstalt",
    GERICHT: "kein Gericht",
}


@dataclass(frozen=True, slots=True)
class Lage:
    """Everything that a rule may look at."""

    sachverhalt: Sachverhalt
    vorgang: Vorgangslage
    verzeichnis: Verzeichnis
    einstellungen: Einstellungen
    absender: Behoerde

    def nenne(self, key: str) -> str:
        """Name and key of an authority, for a text."""
        behoerde = self.verzeichnis.behoerden.get(key)
        return f"{behoerde.name} ({key})" if behoerde else key


@dataclass(frozen=True, slots=True)
class Adressat:
    """One recipient that a rule names, and the kinds of authority that it may be."""

    key: str
    arten: frozenset[str] | None
    """None: any kind."""


@dataclass(frozen=True, slots=True)
class Ziel:
    """The rule names recipients."""

    nummer: str
    adressaten: tuple[Adressat, ...]
    gruende: tuple[Grund, ...]
    hinweise: tuple[Hinweis, ...] = ()
    folgen: tuple[Folge, ...] = ()
    vorlaeufig: bool = False


@dataclass(frozen=True, slots=True)
class Offen:
    """The rule cannot place the notice: Klärung."""

    nummer: str
    gruende: tuple[Grund, ...]
    hinweise: tuple[Hinweis, ...] = ()


@dataclass(frozen=True, slots=True)
class Entbehrlich:
    """The decree does not ask for this notice."""

    nummer: str
    gruende: tuple[Grund, ...]
    hinweise: tuple[Hinweis, ...] = ()
    folgen: tuple[Folge, ...] = ()


Vorab = Callable[[Lage], Entbehrlich | Offen | None]
Empfaenger = Callable[[Lage], Ziel | Offen]
Danach = Callable[[Lage, Ziel], Entbehrlich | Ziel]


def nie(_: Lage) -> bool:
    """No Vorrang."""
    return False


def immer(_: Lage) -> bool:
    """Vorrang whatever the facts."""
    return True


def nichts(_: Lage) -> None:
    """No reason why the notice could be entbehrlich."""
    return


def unveraendert(_: Lage, ziel: Ziel) -> Ziel:
    """Nothing to test once the recipient is known."""
    return ziel


@dataclass(frozen=True, slots=True)
class Regel:
    """One row of the table: who may post which Anlass, and the functions that decide it, in the order of 2a.1."""

    zeile: str
    """Base form of its number: what `unzulaessig` and an unknown sender get."""
    anlaesse: tuple[str, ...]
    absender: frozenset[str] | None
    """Sender kinds; None: any authority of the directory."""
    empfaenger: Empfaenger
    vorab: Vorab = nichts
    danach: Danach = unveraendert
    vorrang: Callable[[Lage], bool] = nie
    darf: Callable[[Lage], bool] = immer
    """A condition on the sender beyond its kind."""


def fehlt(nummer: str, schluessel: str, was: str, *hinweise: Hinweis) -> Offen:
    """Klärung because a key is missing, which the reason names (2a.3)."""
    return Offen(nummer, (Grund(nummer, f"{was} ist nicht angegeben („{schluessel}“ fehlt)."),), hinweise)


def ziel(
    nummer: str,
    adressaten: Iterable[tuple[str, frozenset[str] | None]],
    *gruende: Grund,
    hinweise: Iterable[Hinweis] = (),
    folgen: Iterable[Folge] = (),
    vorlaeufig: bool = False,
) -> Ziel:
    """A `Ziel` with its recipients in the given order, without duplicates (2a.8)."""
    einmal = dict.fromkeys(Adressat(key, arten) for key, arten in adressaten)
    return Ziel(nummer, tuple(einmal), gruende, tuple(hinweise), tuple(folgen), vorlaeufig)


def nach_aktenlage(lage: Lage) -> tuple[str, str, tuple[Hinweis, ...]] | None:
    """The nach Aktenlage zuständige ABH, why it is the one, and what contradicts it; None if none is known.

    Source: requirements.md section 1; a named AZR authority counts even if `abgefragt` is false (2a.4).
    """
    fakten, vorgang = lage.sachverhalt, lage.vorgang.festgestellte_abh
    azr = fakten.azr.aktenfuehrende_abh if fakten.azr else None
    if fakten.bekannte_abh:
        return fakten.bekannte_abh, "nach Angabe des Absenders", abweichend(vorgang, fakten.bekannte_abh, "Der Vorgang")
    if vorgang:
        return vorgang, "nach dem Vorgang", abweichend(azr, vorgang, "Das Ausländerzentralregister")
    return (azr, "nach dem Ausländerzentralregister", ()) if azr else None


def abweichend(andere: str | None, gewaehlt: str | None, quelle: str) -> tuple[Hinweis, ...]:
    """A hint that a source names another ABH than the chosen one."""
    if not andere or andere == gewaehlt:
        return ()
    return (Hinweis(f"{quelle} nennt eine andere Ausländerbehörde: {andere}.", andere),)


def nur_hinweise(lage: Lage, gewaehlt: str | None) -> tuple[Hinweis, ...]:
    """The ABHs of Vorgang and AZR where only the known one counts (3.1, 5.3, 6): hints, no recipients."""
    azr = lage.sachverhalt.azr.aktenfuehrende_abh if lage.sachverhalt.azr else None
    vorgang = lage.vorgang.festgestellte_abh
    aus_azr = abweichend(azr, gewaehlt, "Das Ausländerzentralregister")
    return abweichend(vorgang, gewaehlt, "Der Vorgang") + (aus_azr if azr != vorgang else ())


def an_aktenlage(lage: Lage, nummer: str, was: str, *gruende: Grund, folgen: Iterable[Folge] = ()) -> Ziel | Offen:
    """A notice to the nach Aktenlage zuständige ABH; Klärung if none is known."""
    akte = nach_aktenlage(lage)
    if akte is None:
        return fehlt(
            nummer, "bekannte_abh", "Die nach Aktenlage zuständige Ausländerbehörde ist nicht festzustellen; sie"
        )
    abh, quelle, hinweise = akte
    grund = Grund(nummer, f"{was} geht an die nach Aktenlage zuständige Ausländerbehörde, {quelle} {lage.nenne(abh)}.")
    return ziel(nummer, [(abh, ABH)], grund, *gruende, hinweise=hinweise, folgen=folgen)


def an_staatsanwaltschaften(lage: Lage, nummer: str, was: str, *folgen: Callable[[str], Folge]) -> Ziel | Offen:
    """A notice of the ABH to every StA of `verfahren`, in the order of the proceedings.

    A proceeding without its StA cannot be served: the others are, and a Folge `klaerung` says so (2a.5).
    """
    alle = lage.sachverhalt.verfahren
    behoerden = list(dict.fromkeys(v.staatsanwaltschaft for v in alle if v.staatsanwaltschaft))
    if not behoerden:
        schluessel = "verfahren[].staatsanwaltschaft" if alle else "verfahren"
        return fehlt(nummer, schluessel, "Die zuständige Staatsanwaltschaft")
    luecken = [
        Folge("klaerung", nummer, f"Für das {n}. Verfahren ist keine Staatsanwaltschaft angegeben.")
        for n, v in enumerate(alle, 1)
        if not v.staatsanwaltschaft
    ]
    namen = ", ".join(lage.nenne(key) for key in behoerden)
    grund = Grund(nummer, f"{was} geht an die Staatsanwaltschaft jedes angegebenen Verfahrens: {namen}.")
    weiteres = [folge(key) for folge in folgen for key in behoerden]
    return ziel(nummer, [(key, STA) for key in behoerden], grund, folgen=luecken + weiteres)


def an_ersuchende(lage: Lage, nummer: str, was: str) -> Ziel | Offen:
    """An answer to the ABH that asked: `ersuchende_abh`, else the sender of the referenced message."""
    abh = lage.sachverhalt.ersuchende_abh or lage.vorgang.bezug_absender
    if not abh:
        return fehlt(nummer, "ersuchende_abh", "Die ersuchende Ausländerbehörde")
    grund = Grund(nummer, f"{was} geht an die Ausländerbehörde, die ersucht hat: {lage.nenne(abh)}.")
    hinweise = abweichend(lage.vorgang.bezug_absender, abh, "Die in Bezug genommene Nachricht")
    return ziel(nummer, [(abh, ABH)], grund, hinweise=hinweise)


def mit(ergebnis: Ziel | Offen, *, gruende: Iterable[Grund] = (), hinweise: Iterable[Hinweis] = ()) -> Ziel | Offen:
    """The same answer with further reasons and hints."""
    neue_gruende, neue_hinweise = (*ergebnis.gruende, *gruende), (*ergebnis.hinweise, *hinweise)
    return replace(ergebnis, gruende=neue_gruende, hinweise=neue_hinweise)
