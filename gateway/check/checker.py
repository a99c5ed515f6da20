"""The second stage as one call: XML bytes in, a checked message out.

Promises: the XML is parsed once and validated once; what comes back passed its XSD and every rule beyond it. Judging
happens on the event loop (microseconds for a notice, a tenth of a second for the largest), explaining in a process of
its own.
Fails: a `Refusal` of gateway/errors.py: `Malformed` 400, `Forbidden` 403, `TooLarge` 413, `Invalid` 422, each with
findings that say how to mend the message.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from lxml import etree

from gateway.check import anlass_rules, facts, intake, rules, validate
from gateway.check.catalogue import Catalogue
from gateway.check.conditions import brought_by, opened_by
from gateway.check.explain_worker import Explainer
from gateway.check.head import head_of, version_holder, version_of
from gateway.check.mistra import Zuordnung
from gateway.check.official import official_facts
from gateway.check.place import xpath_of
from gateway.check.resources import SchemaStore, mistra_mapping
from gateway.errors import Befund, Invalid
from gateway.message import Geprueft
from routing.sachverhalt import Sachverhalt
from routing.verzeichnis import Verzeichnis


class Checker:
    """Judges messages by a catalogue of schemas and a directory of authorities. Shared by all requests of a process."""

    def __init__(
        self,
        catalogue: Catalogue,
        directory: Verzeichnis,
        *,
        store: SchemaStore | None = None,
        explainer: Explainer | None = None,
        zuordnung: Zuordnung | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.directory = directory
        self._store = store or SchemaStore()
        self._explainer = explainer or Explainer()
        self._mapping = zuordnung or mistra_mapping()

    @classmethod
    def for_packaged(
        cls,
        packs: Path | None = None,
        *,
        directory: Verzeichnis,
        ueberlappung_tage: int | None = None,
        vorschau: Iterable[str] = (),
        zuordnung: Path | None = None,
    ) -> Checker:
        """A checker for the packaged schemas and the official packs that are installed in a folder.

        Args:
            packs: the packs folder; None, or a folder that is not there, means none are installed.
            directory: authorities, for heads that name one by its name.
            ueberlappung_tage: days for which an outlived version is still taken; None takes the catalogue's own.
            vorschau: packs that are taken before their first day, by name.
            zuordnung: the operator's mapping of the MiStra notice; None takes the packaged one.

        Raises:
            SchemaMissing: the index of an installed pack is damaged, or the mapping cannot be used.
        """
        store = SchemaStore(packs)
        catalogue = store.catalogue(ueberlappung_tage, vorschau)
        return cls(catalogue, directory, store=store, zuordnung=mistra_mapping(zuordnung))

    async def check(
        self,
        xml: bytes,
        *,
        today: date,
        attachments: Sequence[str] | None,
        sachverhalt: Mapping[str, Any] | None = None,
        empfaenger: str | None = None,
    ) -> Geprueft:
        """Judge one message.

        Args:
            xml: the XML part as it came.
            today: day of receipt in Europe/Berlin; becomes `stand` where the message names none.
            attachments: names of the files beside it; None where they are not known (then they are not compared).
            sachverhalt: the part `sachverhalt`, parsed JSON; official XJustiz only.
            empfaenger: the part `empfaenger`, an authority key; official XJustiz only.

        Returns:
            The head and the facts; facts None for roots that go to their named addressee.

        Raises:
            Malformed: not the XML that we take.
            TooLarge: beyond a limit.
            Invalid: schema, rule, a version that is not valid, a part that does not go with this root.
            Forbidden: `sachverhalt.absender` is not the XML's sender (`absender_fremd`).
        """
        document = intake.parse(xml)
        root = document.root
        try:
            pack = self.catalogue.find(document.namensraum, document.wurzel, version_of(root), today)
        except Invalid as refusal:
            place = root if refusal.code == "wurzel_unbekannt" else version_holder(root)
            raise _located(refusal, place) from None
        kopf = head_of(root, pack.familie, self.directory)
        own = pack.familie != "xjustiz"
        subject = rules.Subject(root, kopf, attachments, facts.anlass_of(root) if own else None)
        try:
            await validate.validate(root, self._store.schema(pack, document.wurzel), xml, self._explainer)
        except Invalid as refusal:
            raise anlass_rules.explained(refusal, subject) from None
        try:
            rules.judge(subject, anlass_rules.RULES)
        except Invalid as refusal:
            raise anlass_rules.numbered(refusal, subject.anlass) from None
        if own:
            _refuse_parts(sachverhalt, empfaenger)
            found = facts.facts_from_xml(root, kopf)
        else:
            mapping = self._mapping if self._mapping.wurzel == document.wurzel else None
            mapped = functools.partial(mapping.facts, root) if mapping is not None else None
            kopf, found = official_facts(kopf, sachverhalt, empfaenger, mapped)
        dated = _dated(found, today)
        return Geprueft(kopf, dated, opened_by(root), brought_by(root)) if own else Geprueft(kopf, dated)

    def last_day(self, xml: bytes) -> date | None:
        """The last day on which the version of a message counted, where it has ended.

        Raises:
            Malformed: not the XML that we take.
            TooLarge: beyond a limit.
        """
        document = intake.parse(xml)
        return self.catalogue.last_day(document.namensraum, document.wurzel, version_of(document.root))

    async def close(self) -> None:
        """End the worker process, if one was started. Idempotent."""
        self._explainer.close()


def _located(refusal: Invalid, element: etree._Element) -> Invalid:
    """A refusal whose findings point to an element."""
    line, xpath = element.sourceline, xpath_of(element)
    located = [replace(found, zeile=line, xpath=xpath) for found in refusal.befunde]
    return Invalid(refusal.detail, *located, code=refusal.code)


def _dated(sachverhalt: Sachverhalt | None, today: date) -> Sachverhalt | None:
    """Facts with the day of receipt, unless they name their own (requirements.md section 2a, 12)."""
    if sachverhalt is None or sachverhalt.stand is not None:
        return sachverhalt
    return replace(sachverhalt, stand=today)


def _refuse_parts(sachverhalt: Mapping[str, Any] | None, empfaenger: str | None) -> None:
    """Refuse parts that go with official roots only (contracts.md section 5)."""
    given = [name for name, part in (("sachverhalt", sachverhalt), ("empfaenger", empfaenger)) if part is not None]
    if given:
        text = "Diese Nachricht trägt Sachverhalt und Empfänger selbst; bitte ohne den Teil {} senden."
        findings = [Befund("teil_unzulaessig", text.format(name)) for name in given]
        raise Invalid(findings[0].text, *findings, code="teil_unzulaessig")
