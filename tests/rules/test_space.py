"""The laws over the generated space of small Sachverhalte; `python -m tools.rule_space --full` tries all of it."""

import sys
from dataclasses import replace

import pytest

from routing import ANLAESSE, Frist, Hinweis, Sachverhalt, entscheide
from tools import rule_space
from tools.rule_laws import LAWS, NUMBERS, RECIPIENTS, SENDERS, Judged, Tally
from tools.rule_space import RELEVANT, SAMPLE, Space, main, spaces

KNOWN = Sachverhalt("untersuchungshaft_antritt", rule_space.JVA, stand=rule_space.STAND, bekannte_abh=rule_space.KOELN)


def test_every_anlass_has_its_space_and_its_laws():
    for table in (RELEVANT, NUMBERS, RECIPIENTS, SENDERS):
        assert set(table) == set(ANLAESSE)


def test_the_laws_hold_and_everything_is_reached(capsys):
    tally, whole = Tally(), spaces()
    for space in whole:
        for case in space.sample(SAMPLE):
            tally.judge(case)
    tally.reached()
    tried = sum(tally.outcomes.values())
    assert tried == sum(min(SAMPLE, space.size) for space in whole)
    assert tried > 100_000
    with capsys.disabled():
        sys.stdout.write(f" {sum(space.size for space in whole):,} Sachverhalte, {tally.summary()} ")


def test_a_space_has_each_point_once_and_a_sample_none_twice():
    space = Space("akteneinsicht_ersuchen")
    points = [space.case(n) for n in range(space.size)]
    assert len(set(points)) == space.size
    assert set(space.sample(space.size)) == set(points)
    assert len(set(space.sample(100))) == 100
    assert {case.sachverhalt.absender for case in space.sample(100)} == set(rule_space.SENDERS)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__.strip("_"))
def test_each_law_can_be_broken(law):
    """What no decision of ours does, so that a law that says nothing is seen."""
    tally, space = Tally(), Space("untersuchungshaft_antritt")
    case = replace(space.case(0), sachverhalt=KNOWN)
    decision = entscheide(case.sachverhalt, case.vorgang, tally.directory, tally.rules, case.einstellungen)
    union = (*decision.hinweise, Hinweis("§ 11 FreizügG/EU"))
    frist = () if decision.fristen else (Frist("5.6 Satz 1", rule_space.STAND, None, ""),)
    changes = [
        {"entscheidung": "unbekannt"},
        {"empfaenger": ("abh:06412000",)},
        {"empfaenger": ()},
        {"entscheidung": "entbehrlich"},
        {"entscheidung": "unzulaessig"},
        {"nummer": "4.1 Satz 1"},
        {"vorlaeufig": True},
        {"entscheidung": "zurueckgestellt"},
        {"vorrang": not decision.vorrang},
        {"fristen": frist},
        {"hinweise": union},
    ]
    kinds = frozenset({"jva"})
    assert law(Judged(case, decision, kinds, tally.directory))
    broken = replace(decision, **changes[LAWS.index(law)])
    assert not law(Judged(case, broken, kinds, tally.directory))


def test_a_broken_law_is_named_with_its_case(monkeypatch, capsys):
    monkeypatch.setitem(SENDERS, "asyl_mitteilung_8_1a", frozenset({"jva"}))
    monkeypatch.setattr(rule_space, "SAMPLE", 100)
    assert main([]) == 1
    assert "sender_kinds_hold" in capsys.readouterr().err


def test_what_nothing_reaches_is_found(monkeypatch):
    tally = Tally()
    for space in spaces():
        for case in space.sample(50):
            tally.judge(case)
    with pytest.raises(AssertionError):
        tally.reached()


def test_used_wrongly(capsys):
    assert main(["--all"]) == 2
    assert "--full" in capsys.readouterr().err
