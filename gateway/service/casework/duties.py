"""Duties: what a decision opens, what it fulfils, what a forward hands over (requirements.md, the table's "open duty").

Promises: a duty opens once for each message, number and authority; it ends with the message that fulfils it; of a day
that a newer notice says anew (5.6) only the newest counts. Where a number demands two things (5.1), each is a duty.
Fails: not by itself; returns statements for the step that decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta

from gateway import clock
from gateway.message import Gefordert, Geprueft
from gateway.route.vorgang import AUSLAENDERBEHOERDEN
from gateway.service.casework.vorgaenge import Found
from gateway.service.context import Context, new_id
from gateway.store.database import Do, Row
from gateway.store.steps import do
from routing import Entscheidung, Folge

ANSWER = "2.5 Satz 5"
"""The answer to an Ersuchen: watched where the Ersuchen is eilbedürftig."""
MAKING_UP = "1"
"""A withheld notice has to be made up for (Nr. 1): its sender is reminded again and again."""


class Duties:
    """Makes the statements."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def steps(self, found: Found, message_id: str, decision: Entscheidung, words: Geprueft | None = None) -> list[Do]:
        """Statements that open and fulfil duties, as the decision says.

        Args:
            found: the Vorgang.
            message_id: the message that was decided.
            decision: its decision; only what is sent opens duties, what is `entbehrlich` may fulfil one, what is
                withheld obliges its sender alone.
            words: what the message's own words open (2.6 granted, 5.1 follows) and bring (5.1).
        """
        if decision.entscheidung == "zurueckgestellt":
            return [self._undated(found, message_id, f) for f in decision.folgen if f.art == "nachholung"]
        if decision.entscheidung not in ("zustellen", "entbehrlich"):
            return []
        brought = words.erbracht if words else frozenset()
        steps = [step for folge in decision.folgen for step in self._ended(found, message_id, folge, brought)]
        if decision.entscheidung == "entbehrlich":
            return steps
        conditions = words.bedingungen if words else frozenset()
        for folge in decision.folgen:
            steps += [self._undated(found, message_id, folge, teil) for teil in _opens(folge, decision, conditions)]
        return steps + self._deadlines(found, message_id, decision)

    def made_up(self, found: Found, message_id: str, absender: str) -> Do:
        """A withheld notice was released or cancelled."""
        return self._fulfil(found, message_id, MAKING_UP, absender)

    def hand_over(self, found: Found, duties: Iterable[Row], an: str, message_id: str) -> list[Do]:
        """A forward: what the forwarder still owed for the notice, the competent authority owes now."""
        steps = []
        for duty in duties:
            steps.append(do("fulfil_duty", id=duty["id"], done=self._ctx.now(), done_by=message_id))
            dated = duty["faellig_am"] if duty["faellig_am"] != self._day_of(duty) else None
            steps.append(self._insert(found, message_id, duty["nummer"], an, duty["text"], dated, duty["teil"]))
        return steps

    def _day_of(self, duty: Row) -> str:
        return clock.day(duty["opened"]).isoformat()

    def _ended(self, found: Found, message_id: str, folge: Folge, brought: Collection[Gefordert]) -> list[Do]:
        if folge.art == "ruecknahme" and folge.empfaenger:  # a withdrawn Ersuchen needs no answer
            return [self._fulfil(found, message_id, ANSWER, folge.empfaenger)]
        if folge.art != "erledigt" or not folge.pflichtig:
            return []
        lage = found.lage()
        owners = [folge.pflichtig]
        if folge.pflichtig.startswith(AUSLAENDERBEHOERDEN) and lage.festgestellte_abh == folge.pflichtig:
            owners += lage.unterrichtete_abhs  # the established ABH acts for the one before it
        parts: list[str | None] = [each.teil for each in sorted(brought) if each.nummer == folge.nummer] or [None]
        whom = dict.fromkeys(owners)
        return [self._fulfil(found, message_id, folge.nummer, owner, teil) for owner in whom for teil in parts]

    def _fulfil(self, found: Found, message_id: str, nummer: str, pflichtig: str, teil: str | None = None) -> Do:
        return do(
            "fulfil_duties",
            vorgang_id=found.id,
            nummer=nummer,
            teil=teil,
            pflichtig=pflichtig,
            done=self._ctx.now(),
            done_by=message_id,
        )

    def _undated(self, found: Found, message_id: str, folge: Folge, teil: str = "") -> Do:
        assert folge.pflichtig, folge
        return self._insert(found, message_id, folge.nummer, folge.pflichtig, folge.text, teil=teil)

    def _deadlines(self, found: Found, message_id: str, decision: Entscheidung) -> list[Do]:
        steps = []
        for frist in decision.fristen:
            if frist.pflichtig is None:
                continue
            steps.append(do("replace_duty", vorgang_id=found.id, nummer=frist.nummer, pflichtig=frist.pflichtig))
            day = frist.faellig_am.isoformat()
            steps.append(self._insert(found, message_id, frist.nummer, frist.pflichtig, frist.text, day))
        return steps

    def _insert(
        self,
        found: Found,
        message_id: str,
        nummer: str,
        pflichtig: str,
        text: str,
        dated: str | None = None,
        teil: str = "",
    ) -> Do:
        setting, today = self._ctx.config.fristen, self._ctx.today()
        if dated is not None:
            remind = date.fromisoformat(dated) - timedelta(days=setting.vorlauf_tage)
        else:
            waiting = setting.zurueckstellung_tage if nummer == MAKING_UP else setting.undatiert_tage
            remind = today + timedelta(days=waiting)
        return do(
            "insert_duty",
            id=new_id(),
            vorgang_id=found.id,
            message_id=message_id,
            nummer=nummer,
            teil=teil,
            pflichtig=pflichtig,
            faellig_am=dated or today.isoformat(),
            text=text,
            remind_on=remind.isoformat(),
            opened=self._ctx.now(),
        )


def _opens(folge: Folge, decision: Entscheidung, conditions: Collection[Gefordert]) -> list[str]:
    """What a Folge opens a duty for: at once, or on the message's word; an answer is watched if eilbedürftig (2.5)."""
    if not folge.pflichtig:
        return []
    if folge.art == "bedingte_pflicht":
        return [each.teil for each in sorted(conditions) if each.nummer == folge.nummer]
    watched = folge.art == "pflicht" and (folge.nummer != ANSWER or decision.vorrang)
    return [""] if watched else []
