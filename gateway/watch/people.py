"""Who looks at the pages, and what each role may: one table of rights.

Promises: pure. The gateway's own staff (no authority) see every message's way, by their roles; an authority's staff see
their authority's slice and nothing else, whatever roles they have. What no row of the table names is not allowed.
Fails: not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.message import Caller


class Rolle(StrEnum):
    """Roles of people."""

    LESEN = "lesen"
    BETRIEB = "betrieb"
    REVISION = "revision"
    VERWALTUNG = "verwaltung"


TENANT_ROLES: Final = frozenset({Rolle.LESEN, Rolle.BETRIEB})
"""Roles that an authority's own staff may have: the others look beyond one authority."""


class Right(StrEnum):
    """What a page or a call needs."""

    ANGEMELDET = "angemeldet"
    """Any account: rules, directory, own account."""
    NACHRICHTEN = "nachrichten"
    """Messages, Vorgänge, duties: the own slice, or all."""
    PARTNER = "partner"
    """Agreements and certificates."""
    PRUEFEN = "pruefen"
    """Send a test message to a partner."""
    BETREIBEN = "betreiben"
    """Assign, resend, cancel."""
    FREIGEBEN = "freigeben"
    """Release what is withheld: operators on the sender's instruction, the sender's own staff."""
    WEITERLEITEN = "weiterleiten"
    """Forward as a recipient."""
    EINSEHEN = "einsehen"
    """Ask for content, with a reason."""
    ZUSTIMMEN = "zustimmen"
    """Agree to somebody else's look."""
    BERICHTIGEN = "berichtigen"
    """Correct the directory."""
    REVISION = "revision"
    """The events of everybody."""
    MENSCHEN = "menschen"
    """Accounts."""


_ALL = frozenset(Rolle)
_L, _B, _R, _V = (frozenset({rolle}) for rolle in Rolle)
_NONE: frozenset[Rolle] = frozenset()

RIGHTS: Final[dict[Right, tuple[frozenset[Rolle], frozenset[Rolle]]]] = {
    Right.ANGEMELDET: (_ALL, _L | _B),
    Right.NACHRICHTEN: (_L | _B | _R, _L | _B),
    Right.PARTNER: (_ALL, _NONE),
    Right.PRUEFEN: (_B, _NONE),
    Right.BETREIBEN: (_B, _NONE),
    Right.FREIGEBEN: (_B, _B),
    Right.WEITERLEITEN: (_NONE, _B),
    Right.EINSEHEN: (_B, _L | _B),
    Right.ZUSTIMMEN: (_B | _R, _NONE),
    Right.BERICHTIGEN: (_V, _NONE),
    Right.REVISION: (_R, _NONE),
    Right.MENSCHEN: (_V, _NONE),
}
"""Each right with the roles that have it: of the gateway's own staff, of an authority's staff."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is logged in."""

    id: str
    name: str
    rollen: frozenset[str]
    behoerden: frozenset[str]
    """Authorities whose slice this person sees; empty: the gateway's own staff."""
    extern: bool = False
    """Whether a provider vouches for this person, and no password of ours."""

    @property
    def own_staff(self) -> bool:
        """Whether this is staff of the gateway itself."""
        return not self.behoerden

    def may(self, right: Right) -> bool:
        """Whether one of the person's roles has the right."""
        own, tenant = RIGHTS[right]
        return not self.rollen.isdisjoint(own if self.own_staff else tenant)

    @property
    def caller(self) -> Caller:
        """The same person as the gateway's journeys know whoever calls.

        Staff of an authority gets no role that looks beyond its own slice.
        """
        rollen = frozenset({"betrieb" if Rolle.BETRIEB in self.rollen else "revision"})
        return Caller(self.behoerden, rollen if self.own_staff else frozenset(), self.id, "person")


def role_faults(rollen: frozenset[str], behoerden: frozenset[str]) -> list[str]:
    """German sentences on roles that do not go together; none for an account that can be made."""
    unknown = sorted(rollen - _ALL)
    if unknown:
        return [f"„{unknown[0]}“ ist keine Rolle; es gibt {', '.join(Rolle)}."]
    if not rollen:
        return ["Ein Konto braucht mindestens eine Rolle."]
    wide = sorted(rollen - TENANT_ROLES)
    if behoerden and wide:
        return [f"Ein Konto mit Behörde sieht nur deren Nachrichten und kann nicht die Rolle „{wide[0]}“ haben."]
    return []
