"""What 3.2 and 5.4 share: the prison does not know the ABH, so the one of its own district gets the notice for now.

Promises: pure functions; the hints of § 14 ZustAVO come with the decision, the recipient stays the district's ABH.
Fails: not at all.
"""

from __future__ import annotations

from routing.entscheidung import Folge, Grund, Hinweis
from routing.erlass.lage import ABH, Lage, Offen, Ziel, nur_hinweise, ziel
from routing.zustaendigkeit import zustaendige_abh


def an_bekannte_abh(lage: Lage, nummer: str, abh: str, *folgen: Folge) -> Ziel:
    """The ABH that the prison knows (3.1, 5.3)."""
    text = f"Die Justizvollzugsanstalt kennt die zuständige Ausländerbehörde: {lage.nenne(abh)}."
    return ziel(nummer, [(abh, ABH)], Grund(nummer, text), hinweise=nur_hinweise(lage, abh), folgen=folgen)


def abh_des_bezirks(lage: Lage, ziffer: str) -> Ziel | Offen:
    """The ABH in whose district the sending prison lies, provisionally.

    Args:
        lage: the facts.
        ziffer: `3.2` or `5.4`; both have the same three sentences.

    Source: „Ist der Justizvollzugsanstalt die zuständige Ausländerbehörde nicht bekannt, so erfolgt die Mitteilung
    an die Ausländerbehörde, in deren Bezirk sich die Justizvollzugsanstalt befindet. Sofern diese Ausländerbehörde
    nicht selbst gemäß § 14 […] zuständig ist, leitet sie die Mitteilung unverzüglich […] weiter. Zugleich informiert
    [sie] die Justizvollzugsanstalt über die zuständige Ausländerbehörde.“ (3.2 Satz 1 to 3, 5.4 Satz 1 to 3)
    """
    nummer = f"{ziffer} Satz 1"
    abh = lage.verzeichnis.abh_fuer_ags(lage.absender.ags)
    if abh is None:
        text = f"Im Verzeichnis steht nicht, in welchem Bezirk {lage.nenne(lage.absender.key)} liegt."
        return Offen(nummer, (Grund(nummer, text),), nur_hinweise(lage, None))
    text = (
        "Der Justizvollzugsanstalt ist die zuständige Ausländerbehörde nicht bekannt; die Anstalt liegt im Bezirk von "
        f"{lage.nenne(abh)}."
    )
    weiter = Folge(
        "weiterleitung",
        f"{ziffer} Satz 2",
        "Ist sie nach § 14 ZustAVO nicht selbst zuständig, leitet sie unverzüglich weiter und nennt der "
        "Justizvollzugsanstalt die zuständige Ausländerbehörde (Satz 3).",
        abh,
    )
    hinweise = (*nur_hinweise(lage, abh), *_nach_14_zustavo(lage))
    return ziel(nummer, [(abh, ABH)], Grund(nummer, text), hinweise=hinweise, folgen=[weiter], vorlaeufig=True)


def _nach_14_zustavo(lage: Lage) -> tuple[Hinweis, ...]:
    """Whom § 14 ZustAVO names by Auflage or Wohnsitz; without either there is nothing to hint at."""
    fakten = lage.sachverhalt
    auflage = fakten.auflage.ags if fakten.auflage else None
    if auflage is None and fakten.wohnsitz_ags is None:
        return ()
    gefunden = zustaendige_abh(lage.verzeichnis, auflage_ags=auflage, wohnsitz_ags=fakten.wohnsitz_ags)
    return (Hinweis(f"{gefunden.grund.nummer}: {gefunden.grund.text}", gefunden.abh),)
