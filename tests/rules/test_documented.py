"""Nr. 2.4: the Vorgang shows which ABH was informed, in order, and counts nobody who was not."""

import json

import pytest

from gateway.route.vorgang import entries, vorgangslage
from gateway.states import DeliveryStatus

POLIZEI, KOELN, RHEIN_SIEG, STA = "pol:05171370484301", "abh:05315000", "abh:05382", "gds:R3300S"


def nachricht(key, entscheidung="zustellen"):
    return {"id": key, "anlass": "erkenntnis_87_abs_2", "entscheidung": json.dumps({"entscheidung": entscheidung})}


def zustellung(key, empfaenger, status=DeliveryStatus.ZUGESTELLT):
    return {"message_id": key, "empfaenger": empfaenger, "status": status}


def test_2_4_every_abh_that_was_informed_in_order_and_once():
    zustellungen = [zustellung("1", KOELN), zustellung("2", RHEIN_SIEG), zustellung("3", KOELN), zustellung("3", STA)]
    gezaehlt = entries([nachricht("1"), nachricht("2"), nachricht("3")], zustellungen)
    assert vorgangslage(gezaehlt).unterrichtete_abhs == (KOELN, RHEIN_SIEG)


@pytest.mark.parametrize("entscheidung", ["zurueckgestellt", "klaerung", "entbehrlich"])
def test_2_4_what_was_not_sent_informed_nobody(entscheidung):
    gezaehlt = entries([nachricht("1", entscheidung)], [zustellung("1", KOELN)])
    assert vorgangslage(gezaehlt).unterrichtete_abhs == ()


@pytest.mark.parametrize("status", [DeliveryStatus.GESCHEITERT, DeliveryStatus.ABGELEHNT, DeliveryStatus.STORNIERT])
def test_2_4_a_delivery_that_did_not_arrive_informed_nobody(status):
    assert vorgangslage(entries([nachricht("1")], [zustellung("1", KOELN, status)])).unterrichtete_abhs == ()
