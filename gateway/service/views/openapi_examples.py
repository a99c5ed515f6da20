"""Examples for the description of `/v1`: of every Anlass a message that is valid, and what the rules decide on it.

Promises: nothing is written down twice: messages are the packaged ones, decisions come from the rules and the packaged
directory, each for a message that arrives first in its Vorgang, or after the packaged one that it answers. A test posts
each of them to a running gateway and compares.
Fails: not at all, for the packaged examples; a test holds that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from lxml import etree

from gateway.check import examples
from gateway.check.facts import NAMESPACES, facts_from_xml
from gateway.check.head import head_of
from gateway.check.intake import parse
from gateway.message import Kopf
from gateway.route.resources import packaged_directory, packaged_rules
from gateway.states import MessageStatus
from routing import ANLAESSE, Einstellungen, Entscheidung, Sachverhalt, Vorgangslage, entscheide

_ID: Final = "01a20534-b465-7171-8370-126d58bf1bb1"


@dataclass(frozen=True, slots=True)
class Example:
    """One message and its answer."""

    xml: str
    files: tuple[str, ...]
    """Names of the files that go with it."""
    answer: dict[str, Any]
    """The body of the `202`."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What a message says."""

    xml: bytes
    root: etree._Element
    kopf: Kopf
    facts: Sachverhalt


def packaged(day: date) -> dict[str, Example]:
    """The examples by Anlass, as received on a day: a release that is near gives Vorrang."""
    read = {anlass: _read(anlass) for anlass in ANLAESSE}
    by_id = {each.kopf.eigene_id: each for each in read.values()}
    return {anlass: _example(each, by_id, day) for anlass, each in read.items()}


def _read(anlass: str) -> _Read:
    xml = examples.example(anlass)
    document = parse(xml)
    kopf = head_of(
        document.root, "justiz" if document.namensraum == NAMESPACES["justiz"] else "ausl", packaged_directory()
    )
    facts = facts_from_xml(document.root, kopf)
    assert facts is not None, anlass  # each Anlass has facts
    return _Read(xml, document.root, kopf, facts)


def _example(read: _Read, by_id: dict[str, _Read], day: date) -> Example:
    decision = _decision(read, by_id, day)
    answer = {
        "id": _ID,
        "nachrichten_id": read.kopf.eigene_id,
        "status": str(MessageStatus.UNTERWEGS),
        "entscheidung": decision.as_json(),
        "receipt": {
            "art": "annahme",
            "sha256": hashlib.sha256(read.xml).hexdigest(),
            "zeitpunkt": f"{day}T09:30:00.000Z",
            "url": f"/v1/messages/{_ID}/evidence",
        },
    }
    return Example(read.xml.decode(), read.kopf.dateien, answer)


def _decision(read: _Read, by_id: dict[str, _Read], day: date) -> Entscheidung:
    facts = read.facts if read.facts.stand else replace(read.facts, stand=day)
    return entscheide(facts, _situation(read, by_id, day), packaged_directory(), packaged_rules(), Einstellungen())


def _situation(read: _Read, by_id: dict[str, _Read], day: date) -> Vorgangslage:
    """What the message adds to that it answers or corrects."""
    before = by_id.get(read.kopf.fremde_id or "")
    if before is None:
        return Vorgangslage()
    return Vorgangslage(
        bezug_absender=before.kopf.absender,
        bezug_eilbeduerftig=bool(before.facts.eilbeduerftig),
        bezug_empfaenger=_decision(before, by_id, day).empfaenger,
    )
