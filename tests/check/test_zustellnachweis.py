"""The Zustellnachweis: the fields of ETSI EN 319 522-1, composed, judged, and refused where evidence would be void."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from lxml import etree

from gateway.check.checker import Checker
from gateway.check.resources import compiled, packaged_folder
from gateway.errors import Invalid
from gateway.route.compose import Kopfangaben, Reiseteil, Stelle
from gateway.route.compose_nachweis import (
    FAILURES,
    WURZEL,
    Ereignis,
    Nachweis,
    Nachweisgrund,
    Nachweisnachricht,
    Uebertragung,
    compose_zustellnachweis,
)

from .conftest import FILE, ID, OTHER_ID, TODAY

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DIGEST = "9f" * 32
HEAD = Kopfangaben(ID, NOW, Stelle("gw:nrw", "Gateway NRW"), Stelle("gds:R8088", "JVA Köln"), OTHER_ID)
NOTICE = Nachweisnachricht(OTHER_ID, "nachricht.strafausl.haft.9900002", DIGEST, (Reiseteil(FILE, DIGEST),))
COLOGNE = Stelle("abh:05315000", "Stadt Köln – Ausländerbehörde")
PROOF = Nachweis(ID, "ContentHandover", NOW, NOTICE, COLOGNE)
REASON = (Nachweisgrund("frist_abgelaufen", "Der Partner war fünf Tage lang nicht erreichbar – endgültig."),)


@pytest.mark.parametrize("event", get_args(Ereignis))
async def test_every_event_is_a_valid_message_to_the_sender(event: Ereignis, checker: Checker) -> None:
    reasons = REASON if event in FAILURES else ()
    xml = compose_zustellnachweis(HEAD, dataclasses.replace(PROOF, ereignis=event, gruende=reasons))
    checked = await checker.check(xml, today=TODAY, attachments=None)
    assert (checked.kopf.wurzel, checked.kopf.fremde_id, checked.sachverhalt) == (WURZEL, OTHER_ID, None)
    assert checked.kopf.empfaenger == "gds:R8088"


@pytest.mark.parametrize(
    "transmission",
    [
        Uebertragung("abruf"),
        Uebertragung("mail", "<1@example.invalid>"),
        Uebertragung("as2", "<1@example.invalid>", ("sha-256", "A" * 43 + "="), DIGEST),
        Uebertragung("as2", None, ("sha-512", "A" * 86 + "==")),
    ],
)
async def test_transmissions_are_said_as_far_as_known(transmission: Uebertragung, checker: Checker) -> None:
    xml = compose_zustellnachweis(HEAD, dataclasses.replace(PROOF, uebertragung=transmission))
    assert (await checker.check(xml, today=TODAY, attachments=None)).kopf.nummer == "9900092"
    assert (transmission.message_id or "abruf").strip("<>") in xml.decode() or transmission.message_id is None


@pytest.mark.parametrize(
    ("head", "proof"),
    [
        ({"fremde_id": None}, {}),
        ({}, {"ereignis": "RelayFailure"}),
        ({}, {"zeitpunkt": datetime(2026, 11, 22)}),  # noqa: DTZ001 - the fault is the missing zone
    ],
)
def test_void_evidence_is_not_composed(head: dict[str, Any], proof: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        compose_zustellnachweis(dataclasses.replace(HEAD, **head), dataclasses.replace(PROOF, **proof))


async def test_a_failure_without_a_reason_is_refused_beyond_the_xsd(checker: Checker) -> None:
    xml = compose_zustellnachweis(HEAD, PROOF).replace(b">ContentHandover<", b">ContentHandoverFailure<")
    schema = compiled(packaged_folder() / "justiz" / "1.0" / "strafausl.xsd", packaged_folder())
    assert schema.validate(etree.fromstring(xml))
    with pytest.raises(Invalid) as caught:
        await checker.check(xml, today=TODAY, attachments=None)
    (finding,) = caught.value.befunde
    assert (finding.code, caught.value.code) == ("grund_fehlt", "regel")
    assert (finding.xpath or "").endswith("strafausl:ereignis")
