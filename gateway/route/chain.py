"""The chain of authorities that forwarded a notice, and what it forbids. Pure.

Promises: a further forward extends the chain and never nests; no authority gets the same notice twice by forwarding.
Fails: `Invalid` (422) with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from lxml import etree

from gateway.errors import Invalid
from gateway.route.compose import Weiterleitende

HOPS = 5
"""Forwards of one notice: competence is clear after one or two; more means that somebody has to be asked."""
WEITERLEITUNG = "nachricht.auslstraf.weiterleitung.9900020"


def read_chain(weiterleitung: bytes) -> tuple[Weiterleitende, ...]:
    """Who forwarded so far, from a Weiterleitung that this gateway wrote."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(weiterleitung, parser)
    return tuple(
        Weiterleitende(link.findtext("stelle") or "", datetime.fromisoformat(link.findtext("zeitpunkt") or ""))
        for link in root.iterfind("fachdaten/weiterleitendeStelle")
    )


def demand_new(an: str, forwarder: str, informed: Collection[str], chain: Sequence[Weiterleitende]) -> None:
    """The addressee must be somebody who has not had the notice.

    Raises:
        Invalid: `selbst_zustaendig`, `bereits_unterrichtet` or `zu_oft_weitergeleitet`.
    """
    if an == forwarder:
        raise Invalid(
            "Nach den Angaben sind Sie selbst zuständig. Nennen Sie die zuständige Behörde („an“) oder den Wohnsitz.",
            code="selbst_zustaendig",
        )
    if an in informed or any(link.stelle == an for link in chain):
        raise Invalid("Diese Behörde hat die Mitteilung bereits erhalten.", code="bereits_unterrichtet")
    if len(chain) >= HOPS:
        raise Invalid(
            f"Die Mitteilung wurde schon {HOPS}-mal weitergeleitet. Klären Sie die Zuständigkeit mit dem Betrieb.",
            code="zu_oft_weitergeleitet",
        )
