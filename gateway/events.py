"""The closed list of what can happen: every step of the gateway is one of these events.

Promises: an event carries keys of authorities, codes, digests and times, never content and never personal data.
Where ETSI EN 319 522-1 has a name for the event, it stands beside it.
Fails: not at all.
"""

from __future__ import annotations

from enum import StrEnum


class Art(StrEnum):
    """Kind of an event."""

    ANNAHME = "annahme"  # SubmissionAcceptance
    ABWEISUNG = "abweisung"  # SubmissionRejection; without content
    ENTSCHEIDUNG = "entscheidung"  # the rules decided
    VERSIEGELUNG = "versiegelung"  # signed and encrypted, digests noted
    VERSUCH = "versuch"  # one attempt to hand over, with its outcome
    UEBERGABE = "uebergabe"  # RelayAcceptance, or ContentConsignment for the inbox
    QUITTUNG = "quittung"  # a receipt was judged
    ABHOLUNG = "abholung"  # ContentHandover: a recipient acknowledged an inbox entry
    WEITERLEITUNG = "weiterleitung"  # a recipient forwarded
    EINGANG = "eingang"  # a partner's message arrived and was verified
    EINGANG_ABGEWIESEN = "eingang_abgewiesen"  # RelayRejection
    EINGANG_DOPPELT = "eingang_doppelt"  # the same message again, no second effect
    QUITTUNG_GESENDET = "quittung_gesendet"  # our MDN left
    RUECKLAEUFER = "ruecklaeufer"  # a mail server reports on one of our tries: RelayFailure where it came back
    FRIST_QUITTUNG = "frist_quittung"  # no receipt within the agreed time
    NACHWEIS = "nachweis"  # the sender is told of a delay or a failure: RelayFailure, ContentHandoverFailure …
    FREIGABE = "freigabe"  # a withheld notice was released (Nr. 1)
    ZUWEISUNG = "zuweisung"  # an operator placed a notice that was in Klärung
    NEUVERSAND = "neuversand"  # an operator's resend
    STORNIERUNG = "stornierung"  # an operator's cancel
    ERINNERUNG = "erinnerung"  # a duty is still open
    ALARM = "alarm"  # something needs a person
    ALARM_ENDE = "alarm_ende"  # and no longer
    PARTNER_GEAENDERT = "partner_geaendert"  # an agreement was made, changed or ended
    PARTNER_UNTERBROCHEN = "partner_unterbrochen"  # failed several times in a row: its lane pauses
    PARTNER_ERREICHBAR = "partner_erreichbar"  # its lane goes on
    PARTNER_ANGEHALTEN = "partner_angehalten"  # an operator holds its lane
    PARTNER_FREIGEGEBEN = "partner_freigegeben"  # an operator lets its lane go on
    ZERTIFIKAT_LAEUFT_AB = "zertifikat_laeuft_ab"  # a certificate ends in 60, 30, 10 or 1 days
    VERZEICHNIS_GEAENDERT = "verzeichnis_geaendert"  # an operator corrected rows of the directory
    ANMELDUNG = "anmeldung"  # somebody logged in at the pages
    ANMELDUNG_ABGEWIESEN = "anmeldung_abgewiesen"  # a log-in to an account that exists was refused
    KONTO_GEAENDERT = "konto_geaendert"  # an account was made, changed, disabled
    EINSICHT_ERBETEN = "einsicht_erbeten"  # somebody gave a reason for looking at content
    EINSICHT_ZUGESTIMMT = "einsicht_zugestimmt"  # a second person agreed
    EINSICHT = "einsicht"  # content was shown
    AUSFUHR = "ausfuhr"  # somebody took the list of events away as a file
    LOESCHUNG = "loeschung"  # content was deleted at the end of its retention
    AUFBEWAHRUNG = "aufbewahrung"  # an operator keeps a message's content
    AUFBEWAHRUNG_ENDE = "aufbewahrung_ende"  # and no longer
    SICHERUNG = "sicherung"  # a copy of the store was begun; it holds this event
    WIEDERHERSTELLUNG = "wiederherstellung"  # the first start on a store that was made from a copy
    SCHLUESSELWECHSEL = "schluesselwechsel"  # a new key protects the store
    WIEDERANLAUF = "wiederanlauf"  # recovery at start
