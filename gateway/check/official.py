"""Official XJustiz: whom a message is for and what it reports, where its own grammar cannot say it.

Recipient, in this order: the part `empfaenger`, then what the head names. Facts, in this order: the part
`sachverhalt`, then what mapping data read from the message itself (`mistra`), then none, which is `weitere_mitteilung`
(contracts.md section 4).

Promises: pure; the sender of the facts is the sender of the XML, and nobody can state facts in another's name.
Fails: `Forbidden` (403) `absender_fremd`; `Invalid` (422) for a part that is no Sachverhalt or no authority key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.check.facts import sachverhalt_of, with_recipient
from gateway.errors import Befund, Forbidden, Invalid
from gateway.message import Kopf
from routing.sachverhalt import Sachverhalt, ist_schluessel

Mapped = Callable[[Kopf], Mapping[str, Any] | None]
"""Reads facts from a message's own content, once its recipient is known; None where it states none."""


def official_facts(
    kopf: Kopf, sachverhalt: Mapping[str, Any] | None, empfaenger: str | None, mapped: Mapped | None = None
) -> tuple[Kopf, Sachverhalt]:
    """Complete an official message.

    Args:
        kopf: its head.
        sachverhalt: the part of that name.
        empfaenger: the part of that name.
        mapped: reader of the message's own facts, where mapping data know its root.

    Returns:
        The head with the recipient that counts, and the facts.

    Raises:
        Invalid: see above; also `absender_unbekannt`, where the head names no authority that we know.
        Forbidden: `sachverhalt.absender` is not the XML's sender.
    """
    if empfaenger is not None and not ist_schluessel(empfaenger):
        text = "Der Teil empfaenger muss ein Behördenschlüssel sein, etwa abh:05315000."
        raise Invalid(text, Befund("empfaenger", text), code="empfaenger")
    complete = replace(kopf, empfaenger=empfaenger or kopf.empfaenger)
    if sachverhalt is not None:
        stated = sachverhalt_of(sachverhalt)
        if stated.absender != complete.absender:
            raise Forbidden("Der Absender im Sachverhalt ist nicht der Absender der Nachricht.", code="absender_fremd")
        return complete, _routed(stated.as_json(), complete)
    if complete.absender is None:
        text = "Der Absender im Nachrichtenkopf ist keine Behörde, die dem Gateway bekannt ist."
        raise Invalid(text, Befund("absender_unbekannt", text), code="absender_unbekannt")
    own = mapped(complete) if mapped is not None else None
    plain: Mapping[str, Any] = own if own is not None else {"anlass": "weitere_mitteilung"}
    return complete, _routed({**plain, "absender": complete.absender}, complete)


def _routed(values: Mapping[str, Any], kopf: Kopf) -> Sachverhalt:
    """Facts with the recipient that the message names."""
    return sachverhalt_of(with_recipient(values, kopf.empfaenger))
