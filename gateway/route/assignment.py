"""What follows when a person names the recipient that no rule could find. Pure.

Promises: the duties are those that the rules would have opened, had the sender named that authority itself; where no
rule would have sent the notice there, nothing follows but the delivery.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from routing import Entscheidung, Folge, Sachverhalt
from routing.sachverhalt import Azr, Verfahren


def consequences(facts: Sachverhalt, an: str, decide: Callable[[Sachverhalt], Entscheidung]) -> tuple[Folge, ...]:
    """The Folgen of a notice that a person has placed.

    Args:
        facts: the notice's facts.
        an: the authority that the person named.
        decide: the rules.
    """
    for trial in _as_if_named(facts, an):
        decision = decide(trial)
        if decision.entscheidung == "zustellen" and decision.empfaenger == (an,):
            return tuple(folge for folge in decision.folgen if folge.art != "klaerung")
    return ()


def _as_if_named(facts: Sachverhalt, an: str) -> Iterator[Sachverhalt]:
    """The facts with the authority in each place in which a sender can name one."""
    open_facts = replace(facts, gefaehrdet_untersuchungszweck=None)
    azr = Azr(abgefragt=True, aktenfuehrende_abh=an)
    yield replace(open_facts, bekannte_abh=an, azr=azr, aufnahmeeinrichtung=None)
    yield replace(open_facts, ersuchende_abh=an)
    yield replace(open_facts, verfahren=(Verfahren(staatsanwaltschaft=an),))
    yield replace(open_facts, verfahren=(Verfahren(gericht=an),))
    yield replace(open_facts, haftanstalt=an)
    yield replace(open_facts, vollstreckungsbehoerde=an)
    yield replace(open_facts, befasste_polizei=an)
