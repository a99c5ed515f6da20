"""Two steps of validation: libxml2 judges; only when it refuses does `xmlschema` explain (design.md section 3).

Promises: what comes back from `validate` was accepted by libxml2. An explanation never changes the judgement; where it
finds nothing or takes too long, libxml2's own rule names go out, stripped of every value, and a warning stays here.
Fails: `Invalid` (422), code `schema`, with up to 50 findings.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from lxml import etree

from gateway.check.explain_worker import Explainer, Unexplained
from gateway.check.place import local, xpath_of
from gateway.check.resources import Schema
from gateway.errors import Befund, Invalid

log = logging.getLogger(__name__)

MAX_FINDINGS = 50
"""Findings in one answer, whichever validator wrote them."""
_ELEMENT = re.compile(r"^Element '(?:\{[^}]*\})?([\w.-]+)'")


async def validate(root: etree._Element, schema: Schema, xml: bytes, explainer: Explainer) -> None:
    """Judge a message by its schema.

    Args:
        root: the message as `intake.parse` gave it.
        schema: the schema of its root.
        xml: the bytes that `root` was parsed from.
        explainer: the process that explains.

    Raises:
        Invalid: libxml2 refused the message.
    """
    if schema.compiled.validate(root):
        return
    own_words = _own_words(root, schema.compiled.error_log)
    try:
        found = await explainer.answer(schema.xsd, xml)
    except Unexplained as cause:
        log.warning("schema error not explained (%s): %s", cause, schema.xsd.name, extra={"alarm": True})
        found = []
    else:
        if not found:
            log.warning("validators disagree: %s", schema.xsd.name, extra={"alarm": True})
    findings = found or own_words
    raise Invalid(_summary(len(findings)), *findings, code="schema")


def _summary(count: int) -> str:
    """One sentence over all findings."""
    if count >= MAX_FINDINGS:
        return f"Die Nachricht entspricht nicht ihrem Schema; gezeigt werden die ersten {MAX_FINDINGS} Fehler."
    counted = "ein Fehler" if count == 1 else f"{count} Fehler"
    return f"Die Nachricht entspricht nicht ihrem Schema: {counted}."


def _own_words(root: etree._Element, entries: Iterable[Any]) -> list[Befund]:
    """What libxml2 said, without the values that it quotes."""
    found: dict[tuple[int, str], Befund] = {}
    for entry in entries:
        rule = str(entry.type_name).removeprefix("SCHEMAV_").replace("_", "-").lower()
        named = _ELEMENT.match(entry.message or "")
        subject = f"„{named[1]}“" if named else "Ein Element"
        text = f"{subject} entspricht nicht seinem Schema (Regel {rule})."
        found.setdefault(
            (entry.line, text), Befund("schema", text, zeile=entry.line or None, xpath=_place(root, entry))
        )
        if len(found) >= MAX_FINDINGS:
            break
    return list(found.values()) or [Befund("schema", f"„{local(root)}“ entspricht nicht seinem Schema.")]


def _place(root: etree._Element, entry: Any) -> str | None:
    """The XPath of what libxml2 complains about, if its own path leads there."""
    prefixes = {prefix: uri for prefix, uri in root.nsmap.items() if prefix}
    try:
        nodes = root.xpath(entry.path, namespaces=prefixes) if entry.path else []
    except etree.XPathError:
        return None
    return xpath_of(nodes[0]) if isinstance(nodes, list) and nodes and isinstance(nodes[0], etree._Element) else None
