"""Number 2 of the decree: duties after criminal proceedings have begun.

Promises: one pure function a number; each says which sentence it implements.
Fails: not at all.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from routing.entscheidung import Folge, Grund, Hinweis
from routing.erlass.lage import (
    ABH,
    GERICHT,
    POLIZEI,
    STA,
    Entbehrlich,
    Lage,
    Offen,
    Regel,
    Ziel,
    abweichend,
    an_ersuchende,
    an_staatsanwaltschaften,
    fehlt,
    mit,
    ziel,
)

TAT_EINGELEITET: Final = {
    "zoll": "„außerhalb Nordrhein-Westfalens“ wird nur auf Polizeibehörden bezogen; eine Einleitung durch den Zoll "
    "löst die Unterrichtung überall aus.",
    "finanzbehoerde": "„außerhalb Nordrhein-Westfalens“ wird nur auf Polizeibehörden bezogen; eine Einleitung durch "
    "eine Finanzbehörde löst die Unterrichtung überall aus.",
    "bundespolizei": "Die Bundespolizei ist keine Polizeibehörde des Landes; sie wird wie eine Polizeibehörde "
    "außerhalb Nordrhein-Westfalens behandelt.",
}
"""How „Zoll-, Finanz- oder Polizeibehörden außerhalb Nordrhein-Westfalens“ is read (2.2 Satz 1)."""


def _azr_fehlt(lage: Lage, nummer: str) -> Offen | None:
    """Klärung unless the AZR was asked, even if an ABH is named (2a.4)."""
    azr = lage.sachverhalt.azr
    if azr is not None and azr.abgefragt:
        return None
    genannt = lage.sachverhalt.bekannte_abh or (azr.aktenfuehrende_abh if azr else None)
    hinweise = (Hinweis(f"Genannt ist {lage.nenne(genannt)}.", genannt),) if genannt else ()
    text = "Das Ausländerzentralregister wurde nicht abgefragt („azr.abgefragt“ fehlt oder ist false)."
    return Offen(nummer, (Grund(nummer, text),), hinweise)


def _azr_abh(lage: Lage) -> str | None:
    """The aktenführende ABH according to the AZR."""
    return lage.sachverhalt.azr.aktenfuehrende_abh if lage.sachverhalt.azr else None


def _nach_azr_oder_tatort(lage: Lage, satz_1: str, satz_2: str) -> Ziel | Offen:
    """The routing of 2.1, which 2.2 takes over: aktenführende ABH, else the ABH of the Tatort."""
    if (offen := _azr_fehlt(lage, satz_1)) is not None:
        return offen
    if abh := _azr_abh(lage):
        text = f"Die nach dem Ausländerzentralregister aktenführende Ausländerbehörde ist {lage.nenne(abh)}."
        return ziel(satz_1, [(abh, ABH)], Grund("2.1 Satz 1", text))
    tatort = lage.sachverhalt.tatort_ags
    if tatort is None:
        return fehlt(satz_2, "tatort_ags", "Das Ausländerzentralregister nennt keine Ausländerbehörde; der Tatort")
    zustaendig = lage.verzeichnis.abh_fuer_ags(tatort)
    if zustaendig is None:
        text = f"Der Tatort ({tatort}) ist keine Gemeinde in Nordrhein-Westfalen."
        return Offen(satz_2, (Grund("2.1 Satz 2", text),), (Hinweis(text),))
    text = (
        "Das Ausländerzentralregister nennt keine aktenführende Ausländerbehörde; zuständig für den Tatort "
        f"({tatort}) ist {lage.nenne(zustaendig)}."
    )
    return ziel(satz_2, [(zustaendig, ABH)], Grund("2.1 Satz 2", text))


def nr_2_1(lage: Lage) -> Ziel | Offen:
    """Notices of the Polizei.

    Source: „Die Polizeibehörde unterrichtet unverzüglich, das heißt mit Eingang der Strafanzeige […], die […] nach
    Ausländerzentralregister aktenführende Ausländerbehörde über die Einleitung eines Ermittlungsverfahrens […]. Ergibt
    sich aus dem Ausländerzentralregister keine aktenführende Ausländerbehörde, so ist die Mitteilung an die für den
    Tatort zuständige Ausländerbehörde zu richten.“
    """
    ergebnis = _nach_azr_oder_tatort(lage, "2.1 Satz 1", "2.1 Satz 2")
    eingang, stand = lage.sachverhalt.eingang_strafanzeige, lage.sachverhalt.stand
    if eingang and stand and stand - eingang > datetime.timedelta(days=1):
        text = (
            f"Die Strafanzeige ging am {eingang:%d.%m.%Y} ein; unverzüglich heißt mit ihrem Eingang "
            f"(Nummer 2.1 Satz 1)."
        )
        return mit(ergebnis, hinweise=[Hinweis(text)])
    return ergebnis


def nr_2_2_vorab(lage: Lage) -> Entbehrlich | Offen | None:
    """Whether the StA has to notify at all.

    Source: „[…] in den Fällen, in denen die Einleitung eines Ermittlungsverfahrens unmittelbar durch die
    Staatsanwaltschaft oder durch Zoll-, Finanz- oder Polizeibehörden außerhalb Nordrhein-Westfalens erfolgt“.
    """
    durch = lage.sachverhalt.eingeleitet_durch
    if durch is None:
        return fehlt("2.2 Satz 1", "eingeleitet_durch", "Wer das Ermittlungsverfahren eingeleitet hat,")
    if durch == "polizei_nrw":
        text = "Eine Polizeibehörde des Landes hat das Verfahren eingeleitet; sie unterrichtet selbst (Nummer 2.1)."
        return Entbehrlich("2.2 Satz 1", (Grund("2.2 Satz 1", text),))
    return None


def nr_2_2_satz_1(lage: Lage) -> Ziel | Offen:
    """Proceedings that the StA, or an authority that 2.1 does not bind, has opened: routed as 2.1 („entsprechend“)."""
    ergebnis = _nach_azr_oder_tatort(lage, "2.2 Satz 1", "2.2 Satz 1")
    if lesart := TAT_EINGELEITET.get(lage.sachverhalt.eingeleitet_durch or ""):
        return mit(ergebnis, gruende=[Grund("2.2 Satz 1", lesart, auslegung=True)])
    return ergebnis


def nr_2_2_satz_2(lage: Lage) -> Ziel | Offen:
    """Extradition.

    Source: „Satz 1 gilt entsprechend für die Einleitung eines Auslieferungsverfahrens gegen einen Ausländer“.
    """
    grund = Grund("2.2 Satz 2", "Für die Einleitung eines Auslieferungsverfahrens gilt Satz 1 entsprechend.")
    return mit(_nach_azr_oder_tatort(lage, "2.2 Satz 2", "2.2 Satz 2"), gruende=[grund])


def nr_2_2_ausnahme(lage: Lage, bisher: Ziel) -> Entbehrlich | Ziel:
    """Whether the ABH was told before, and the file shows it; all three facts must hold.

    Source: „sofern die Ausländerbehörde nicht zuvor von einer anderen Stelle über die Einleitung eines strafrechtlichen
    Ermittlungsverfahrens unterrichtet worden ist und sich dies aus der Ermittlungsakte ergibt“.
    """
    schon, abh = lage.sachverhalt.bereits_unterrichtet, bisher.adressaten[0].key
    if schon is None:
        if abh not in lage.vorgang.unterrichtete_abhs:
            return bisher
        hinweis = Hinweis("Nach dem Vorgang wurde diese Ausländerbehörde bereits unterrichtet.")
        return replace(bisher, hinweise=(*bisher.hinweise, hinweis))
    maengel = []
    if not schon.aktenkundig:
        maengel.append("sie ist nicht aktenkundig")
    if schon.durch in (None, lage.sachverhalt.absender):
        maengel.append("sie kam von keiner anderen Stelle")
    if schon.abh != abh:
        maengel.append("sie ging nicht an die zuständige Ausländerbehörde")
    if not maengel:
        text = f"{lage.nenne(abh)} wurde bereits von {lage.nenne(schon.durch or '')} unterrichtet; die Akte belegt es."
        return Entbehrlich(bisher.nummer, (*bisher.gruende, Grund(bisher.nummer, text)), bisher.hinweise)
    hinweis = Hinweis(f"Die frühere Unterrichtung macht diese nicht entbehrlich: {', '.join(maengel)}.")
    return replace(bisher, hinweise=(*bisher.hinweise, hinweis))


def nr_2_3(lage: Lage) -> Ziel | Offen:
    """Arrest warrants, notified by the Polizei; never to the ABH of the Tatort.

    Source: „Nummer 2.1 Satz 1 gilt […] entsprechend für den Erlass und die Aufhebung eines Haftbefehls.“
    """
    if (offen := _azr_fehlt(lage, "2.3")) is not None:
        return offen
    if abh := _azr_abh(lage):
        text = f"Die nach dem Ausländerzentralregister aktenführende Ausländerbehörde ist {lage.nenne(abh)}."
        return ziel("2.3", [(abh, ABH)], Grund("2.3", text))
    aus_vorgang = _unterrichtete_abh(lage)
    bekannt = lage.sachverhalt.bekannte_abh or aus_vorgang
    if bekannt is None:
        return fehlt("2.3", "bekannte_abh", "Das Ausländerzentralregister nennt keine Ausländerbehörde; eine bekannte")
    text = (
        "Nummer 2.3 verweist nur auf Nummer 2.1 Satz 1. Ohne aktenführende Ausländerbehörde geht die Mitteilung an die "
        f"im Verfahren bereits unterrichtete: {lage.nenne(bekannt)}."
    )
    hinweise = abweichend(aus_vorgang, bekannt, "Der Vorgang")
    return ziel("2.3", [(bekannt, ABH)], Grund("2.3", text, auslegung=True), hinweise=hinweise)


def _unterrichtete_abh(lage: Lage) -> str | None:
    """The ABH that the Vorgang shows as informed: the established one if it was, else the last one."""
    unterrichtete = lage.vorgang.unterrichtete_abhs
    if not unterrichtete:
        return None
    festgestellt = lage.vorgang.festgestellte_abh
    return festgestellt if festgestellt in unterrichtete else unterrichtete[-1]


def nr_2_5_vorab(lage: Lage) -> Entbehrlich | None:
    """No Ersuchen is needed where removal is not in sight.

    Source: „wenn sie eine Ausweisung oder Abschiebung beabsichtigt und der Abschiebung keine langfristigen
    Abschiebungshindernisse entgegenstehen“.
    """
    if not lage.sachverhalt.langfristige_abschiebungshindernisse:
        return None
    text = "Der Abschiebung stehen langfristige Hindernisse entgegen; das Einvernehmen ist nicht einzuholen."
    return Entbehrlich("2.5 Satz 1", (Grund("2.5 Satz 1", text),))


def nr_2_5_satz_1(lage: Lage) -> Ziel | Offen:
    """The Ersuchen.

    Source: „[…] ersucht die Ausländerbehörde […] die Staatsanwaltschaft […] um ihr Einvernehmen (§ 72 Absatz 4
    Aufenthaltsgesetz).“ and „Die Prüfung des Ersuchens und die Rückmeldung der Entscheidung erfolgen umgehend, sofern
    die Ausländerbehörde in ihrem Ersuchen eine besondere Eilbedürftigkeit begründet hat.“
    """
    eilig = "umgehend " if ersuchen_eilbeduerftig(lage) else ""

    def antwort(sta: str) -> Folge:
        return Folge("pflicht", "2.5 Satz 5", f"Die Entscheidung über das Ersuchen ist {eilig}mitzuteilen.", sta)

    ergebnis = an_staatsanwaltschaften(lage, "2.5 Satz 1", "Das Ersuchen um Einvernehmen", antwort)
    telefonisch = lage.sachverhalt.telefonisch_am
    if telefonisch is None:
        return ergebnis
    text = f"Das Ersuchen wurde am {telefonisch:%d.%m.%Y} telefonisch gestellt und wird hiermit nachgetragen."
    return mit(ergebnis, gruende=[Grund("2.5 Satz 1", text)])


def ersuchen_eilbeduerftig(lage: Lage) -> bool:
    """This Ersuchen is eilbedürftig: Vorrang."""
    return bool(lage.sachverhalt.eilbeduerftig)


def war_eilbeduerftig(lage: Lage) -> bool:
    """The Ersuchen that is answered was eilbedürftig, by this answer's word or by the Ersuchen itself: Vorrang."""
    return bool(lage.sachverhalt.eilbeduerftig) or lage.vorgang.bezug_eilbeduerftig


def nr_2_5_satz_5(lage: Lage) -> Ziel | Offen:
    """The answer.

    Source: „Die Staatsanwaltschaft teilt ihre Entscheidung der Ausländerbehörde mittels des entsprechenden Vordrucks
    mit.“ The duty of 2.6 opens only if the Einvernehmen was granted, which only the message says.
    """
    ergebnis = an_ersuchende(lage, "2.5 Satz 5", "Die Entscheidung über das Einvernehmen")
    if isinstance(ergebnis, Offen):
        return ergebnis
    abh = ergebnis.adressaten[0].key
    text = (
        "Bei erteiltem Einvernehmen ist über die Durchführung oder Nichtdurchführung der Abschiebung zu unterrichten."
    )
    folgen = (
        Folge("erledigt", "2.5 Satz 5", "Über das Ersuchen ist entschieden.", lage.sachverhalt.absender),
        Folge("bedingte_pflicht", "2.6", text, abh),
    )
    return Ziel(ergebnis.nummer, ergebnis.adressaten, ergebnis.gruende, ergebnis.hinweise, folgen)


def nr_2_6(lage: Lage) -> Ziel | Offen:
    """The outcome of the removal.

    Source: „Im Falle des erteilten Einvernehmens unterrichtet die Ausländerbehörde die Staatsanwaltschaft unverzüglich
    über die erfolgte Durchführung oder die Nichtdurchführung der Abschiebung.“
    """

    def erledigt(_: str) -> Folge:
        return Folge("erledigt", "2.6", "Über den Ausgang der Abschiebung ist unterrichtet.", lage.sachverhalt.absender)

    return an_staatsanwaltschaften(lage, "2.6", "Die Mitteilung über die Abschiebung", erledigt)


def nr_2_7(lage: Lage) -> Ziel | Offen:
    """Change of competence, or withdrawal of the Ersuchen.

    Source: „Die Ausländerbehörde informiert die Staatsanwaltschaft unverzüglich über einen Zuständigkeitswechsel
    […]. Sie teilt der Staatsanwaltschaft mit, wenn das Ersuchen nicht mehr aufrechterhalten wird“.
    """
    if lage.sachverhalt.anlass == "ersuchen_zurueckgenommen":
        text = "Das Ersuchen zählt nicht mehr für Nummer 4.2."
        ruecknahme: Callable[[str], Folge] = lambda sta: Folge("ruecknahme", "2.7", text, empfaenger=sta)  # noqa: E731
        return an_staatsanwaltschaften(lage, "2.7", "Die Rücknahme des Ersuchens", ruecknahme)
    neue = lage.sachverhalt.neue_abh
    ergebnis = an_staatsanwaltschaften(lage, "2.7", "Die Mitteilung über den Zuständigkeitswechsel")
    if isinstance(ergebnis, Offen) or neue is None:
        return ergebnis
    folge = Folge("feststellung", "2.7", f"Im Vorgang gilt nun {lage.nenne(neue)} als zuständig.", empfaenger=neue)
    gefunden = lage.verzeichnis.behoerde(neue, lage.sachverhalt.stand)
    bekannt = gefunden is not None and gefunden.art in ABH
    text = f"Als neue Ausländerbehörde ist {lage.nenne(neue)} genannt; das Verzeichnis kennt sie als solche nicht."
    hinweise = () if bekannt else (Hinweis(text, neue),)
    folgen = (*ergebnis.folgen, folge) if bekannt else ergebnis.folgen
    return Ziel("2.7", ergebnis.adressaten, ergebnis.gruende, (*ergebnis.hinweise, *hinweise), folgen)


def nr_2_8_vorab(lage: Lage) -> Entbehrlich | None:
    """No Beteiligung in the case of § 87 Abs. 5 Nr. 1 AufenthG.

    Source: „es sei denn, es liegt ein Fall des § 87 Absatz 5 Nummer 1 des Aufenthaltsgesetzes vor“.
    """
    if not lage.sachverhalt.ausnahme_87_abs_5_nr_1:
        return None
    text = "Es liegt ein Fall des § 87 Abs. 5 Nr. 1 AufenthG vor; eine Beteiligung ist nicht nötig."
    return Entbehrlich("2.8 Satz 1", (Grund("2.8 Satz 1", text),))


def nr_2_8(lage: Lage) -> Ziel | Offen:
    """Whom to hear before a decision under § 25 Abs. 4a, 4b or § 59 Abs. 7 AufenthG.

    Source: „[…] ist die für das […] Strafverfahren zuständige Staatsanwaltschaft oder das mit ihm befasste
    Strafgericht zu beteiligen […]. Sofern der Ausländerbehörde die zuständige Staatsanwaltschaft noch nicht bekannt
    ist, beteiligt sie vor einer Entscheidung über […] eine[] Ausreisefrist nach § 59 Absatz 7 […] die für den
    Aufenthaltsort zuständige Polizeibehörde.“
    """
    adressaten: list[tuple[str, frozenset[str] | None]] = []
    luecken = []
    for n, verfahren in enumerate(lage.sachverhalt.verfahren, 1):
        if verfahren.gericht:
            adressaten.append((verfahren.gericht, GERICHT))
        elif verfahren.staatsanwaltschaft:
            adressaten.append((verfahren.staatsanwaltschaft, STA))
        else:
            text = f"Für das {n}. Verfahren ist weder Gericht noch Staatsanwaltschaft angegeben."
            luecken.append(Folge("klaerung", "2.8 Satz 1", text))
    if not adressaten:
        return _nr_2_8_satz_2(lage)
    namen = ", ".join(dict.fromkeys(lage.nenne(key) for key, _ in adressaten))
    gruende = [Grund("2.8 Satz 1", f"Zu beteiligen ist für jedes Verfahren das Gericht oder die StA: {namen}.")]
    if any(arten is GERICHT for _, arten in adressaten):
        text = "Ist ein Strafgericht mit dem Verfahren befasst, wird dieses und nicht die Staatsanwaltschaft beteiligt."
        gruende.append(Grund("2.8 Satz 1", text, auslegung=True))
    return ziel("2.8 Satz 1", adressaten, *gruende, folgen=luecken)


def _nr_2_8_satz_2(lage: Lage) -> Ziel | Offen:
    """No StA and no court is known: the Polizei of the Aufenthaltsort, for § 59 Abs. 7 only."""
    if lage.sachverhalt.anlass == "beteiligung_aufenthaltstitel_25":
        was = "Weder Staatsanwaltschaft noch Strafgericht ist bekannt; das Verfahren"
        return fehlt("2.8 Satz 1", "verfahren", was)
    ort = lage.sachverhalt.aufenthaltsort_ags
    if ort is None:
        return fehlt("2.8 Satz 2", "aufenthaltsort_ags", "Die Staatsanwaltschaft ist nicht bekannt; der Aufenthaltsort")
    polizei = lage.verzeichnis.polizei_fuer_ags(ort)
    if polizei is None:
        text = f"Der Aufenthaltsort ({ort}) ist keine Gemeinde in Nordrhein-Westfalen."
        return Offen("2.8 Satz 2", (Grund("2.8 Satz 2", text),), (Hinweis(text),))
    text = (
        f"Die Staatsanwaltschaft ist nicht bekannt; für den Aufenthaltsort ({ort}) ist {lage.nenne(polizei)} zuständig."
    )
    return ziel("2.8 Satz 2", [(polizei, POLIZEI)], Grund("2.8 Satz 2", text))


def nr_2_8_antwort(lage: Lage) -> Ziel | Offen:
    """The answer to a Beteiligung goes back to the ABH that asked."""
    return an_ersuchende(lage, "2.8 Satz 1", "Die Antwort auf die Beteiligung")


REGELN: Final = (
    Regel("2.1 Satz 1", ("ermittlungsverfahren_eingeleitet", "erkenntnis_87_abs_2"), POLIZEI, nr_2_1),
    Regel("2.2 Satz 1", ("ermittlungsverfahren_eingeleitet",), STA, nr_2_2_satz_1, nr_2_2_vorab, nr_2_2_ausnahme),
    Regel("2.2 Satz 2", ("auslieferungsverfahren_eingeleitet",), STA, nr_2_2_satz_2, danach=nr_2_2_ausnahme),
    Regel("2.3", ("haftbefehl_erlassen", "haftbefehl_aufgehoben"), POLIZEI, nr_2_3),
    Regel("2.5 Satz 1", ("einvernehmen_ersuchen",), ABH, nr_2_5_satz_1, nr_2_5_vorab, vorrang=ersuchen_eilbeduerftig),
    Regel("2.5 Satz 5", ("einvernehmen_entscheidung",), STA, nr_2_5_satz_5, vorrang=war_eilbeduerftig),
    Regel("2.6", ("abschiebung_durchgefuehrt", "abschiebung_nicht_durchgefuehrt"), ABH, nr_2_6),
    Regel("2.7", ("zustaendigkeitswechsel", "ersuchen_zurueckgenommen"), ABH, nr_2_7),
    Regel(
        "2.8 Satz 1",
        ("beteiligung_aufenthaltstitel_25", "beteiligung_ausreisefrist_59_7"),
        ABH,
        nr_2_8,
        nr_2_8_vorab,
    ),
    Regel("2.8 Satz 1", ("beteiligung_antwort",), STA | GERICHT | POLIZEI, nr_2_8_antwort),
)
"""The rows of chapter 2, in the order of the table."""
