"""Pure: the chain of forwards and what it forbids, what a Vorgang adds, what follows an assignment."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Invalid
from gateway.route.assignment import consequences
from gateway.route.chain import HOPS, demand_new, read_chain
from gateway.route.compose import (
    Einzelteile,
    Kopfangaben,
    Original,
    Reiseteil,
    Stelle,
    Weiterleitende,
    compose_weiterleitung,
)
from gateway.route.resources import packaged_directory, packaged_rules
from gateway.route.vorgang import bezug_of, entries, vorgangslage, withheld
from routing import Einstellungen, Entscheidung, Grund, Sachverhalt, Vorgangslage, entscheide

KOELN, BONN, RHEIN_SIEG, STA = "abh:05315000", "abh:05314000", "abh:05382", "gds:R3300S"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEYS = st.sampled_from([f"abh:053{n:02d}000" for n in range(14, 30)])


def link(key: str) -> Weiterleitende:
    return Weiterleitende(key, NOON)


@given(st.lists(KEYS, min_size=1, max_size=HOPS))
def test_a_chain_is_read_as_it_was_written(keys: list[str]) -> None:
    kopf = Kopfangaben(
        "0b6f6d0e-52b9-4c54-9d3e-0c1a5a1f2b03", NOON, Stelle(KOELN, "Köln"), Stelle(BONN, "Bonn"), fremde_id="x"
    )
    form = Einzelteile(Reiseteil("Nachricht_x.xml", "0" * 64))
    original = Original("x", "nachricht.strafausl.haft.9900002", "1.0.0", "gds:R8088", form)
    xml = compose_weiterleitung(kopf, original, [link(key) for key in keys], "weil")
    assert read_chain(xml) == tuple(link(key) for key in keys)


@given(st.lists(KEYS, max_size=HOPS + 2), st.sets(KEYS), KEYS, KEYS)
def test_nobody_is_reached_twice_and_never_too_often(chain: list[str], informed: set[str], an: str, by: str) -> None:
    faults = {
        "selbst_zustaendig": an == by,
        "bereits_unterrichtet": an in informed or an in chain,
        "zu_oft_weitergeleitet": len(chain) >= HOPS,
    }
    links = [link(key) for key in chain]
    if not any(faults.values()):
        demand_new(an, by, informed, links)
        return
    with pytest.raises(Invalid) as refusal:
        demand_new(an, by, informed, links)
    assert faults[refusal.value.code]


# --- what a Vorgang adds ----------------------------------------------------------------------------------------------


def message(n: int, anlass: str | None, **decision: Any) -> dict[str, Any]:
    value = {"entscheidung": "zustellen", "folgen": []} | decision
    return {"id": str(n), "anlass": anlass, "entscheidung": json.dumps(value), "absender": KOELN, "vorrang": 1}


def delivery(n: int, empfaenger: str, status: str = "uebergeben") -> dict[str, Any]:
    return {"message_id": str(n), "empfaenger": empfaenger, "status": status}


def test_nothing_adds_nothing() -> None:
    assert vorgangslage(entries([], [])) == Vorgangslage()


@pytest.mark.parametrize("outcome", ["zurueckgestellt", "klaerung", "entbehrlich"])
def test_what_was_not_sent_counts_for_nothing(outcome: str) -> None:
    established = [{"art": "feststellung", "nummer": "2.7", "empfaenger": BONN, "text": ""}]
    rows = [
        message(n, anlass, entscheidung=outcome, folgen=established)
        for n, anlass in enumerate(("einvernehmen_ersuchen", "pruefergebnis_untersuchungshaft", "anklage_erhoben"))
    ]
    assert vorgangslage(entries(rows, [delivery(n, KOELN) for n in range(3)])) == Vorgangslage()


@pytest.mark.parametrize("status", ["klaerung", "storniert", "gescheitert", "abgelehnt"])
def test_what_did_not_arrive_informed_nobody(status: str) -> None:
    found = vorgangslage(entries([message(1, "einvernehmen_ersuchen")], [delivery(1, STA, status)]))
    assert not found.offenes_ersuchen
    assert bezug_of(message(1, "anklage_erhoben"), [delivery(1, KOELN, status)]).empfaenger == ()


def test_the_order_of_arrival_decides() -> None:
    taken_back = [{"art": "ruecknahme", "nummer": "2.7", "empfaenger": STA, "text": ""}]
    asked, withdrawn = message(1, "einvernehmen_ersuchen"), message(2, "ersuchen_zurueckgenommen", folgen=taken_back)
    sent = [delivery(1, STA), delivery(2, STA), delivery(3, STA)]
    again = message(3, "einvernehmen_ersuchen")
    assert not vorgangslage(entries([asked, withdrawn], sent)).offenes_ersuchen
    assert vorgangslage(entries([asked, withdrawn, again], sent)).offenes_ersuchen


def test_the_last_established_counts_and_each_informed_once() -> None:
    rows = [
        message(n, None, folgen=[{"art": "feststellung", "nummer": "3.2", "empfaenger": key, "text": ""}])
        for n, key in enumerate((BONN, RHEIN_SIEG))
    ]
    found = vorgangslage(entries(rows, [delivery(0, BONN), delivery(1, RHEIN_SIEG), delivery(1, BONN)]))
    assert found.festgestellte_abh == RHEIN_SIEG
    assert found.unterrichtete_abhs == (BONN, RHEIN_SIEG)


# --- Nr. 1: what must leave no trace ----------------------------------------------------------------------------------


def decision(outcome: Any) -> Entscheidung:
    return Entscheidung(outcome, "2.1 Satz 1", (Grund("2.1 Satz 1", ""),))


@pytest.mark.parametrize(
    ("outcome", "absender", "flag", "hidden"),
    [
        ("zurueckgestellt", STA, True, True),
        ("klaerung", STA, True, True),
        ("entbehrlich", STA, True, True),
        ("zustellen", STA, True, False),  # released
        ("klaerung", STA, None, False),
        ("klaerung", "gds:R8088", True, False),  # a prison's flag has no effect
        ("klaerung", "gds:R9999S", True, True),  # unknown: believed
    ],
)
def test_withheld(outcome: str, absender: str, flag: bool | None, hidden: bool) -> None:
    facts = Sachverhalt("anklage_erhoben", absender, gefaehrdet_untersuchungszweck=flag)
    assert withheld(decision(outcome), facts, packaged_directory()) is hidden


# --- what follows an assignment ---------------------------------------------------------------------------------------


def decide(facts: Sachverhalt) -> Entscheidung:
    return entscheide(
        replace(facts, stand=NOON.date()), Vorgangslage(), packaged_directory(), packaged_rules(), Einstellungen()
    )


@pytest.mark.parametrize(
    ("facts", "an", "numbers"),
    [
        (Sachverhalt("untersuchungshaft_antritt", "gds:R8088"), KOELN, {"3.3"}),
        (Sachverhalt("einvernehmen_ersuchen", KOELN, eilbeduerftig=True), STA, {"2.5 Satz 5"}),
        (Sachverhalt("einvernehmen_entscheidung", STA), KOELN, {"2.5 Satz 5", "2.6"}),
        (Sachverhalt("pruefergebnis_vollstreckung", KOELN), STA, {"5.6 Satz 1"}),
        (Sachverhalt("hauptverhandlung_termin", STA, unterrichtet_nach_2_5=True), BONN, {"4.2 Satz 3"}),
        (Sachverhalt("ermittlungsverfahren_eingeleitet", "pol:05211370455501"), BONN, set()),
        (Sachverhalt("asyl_mitteilung_8_1a", STA), KOELN, set()),  # no rule sends this to an ABH
        (Sachverhalt("anklage_erhoben", STA, gefaehrdet_untersuchungszweck=True), KOELN, set()),
    ],
)
def test_an_assignment_has_the_consequences_of_its_number(facts: Sachverhalt, an: str, numbers: set[str]) -> None:
    assert {folge.nummer for folge in consequences(facts, an, decide)} == numbers
