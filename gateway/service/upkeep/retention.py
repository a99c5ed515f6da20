"""What becomes of every table's content and personal data, as data: the rule of each, and where it is carried out.

Promises: every table of the store has one rule, every column that holds bytes or people's words is named by it
(tests/store/test_retention_rules.py reads the schema); `gateway/service/upkeep/purging.py` does what it says.
Fails: not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Ends = Literal["message", "days", "use", "stays"]
"""When what the rule names goes: with its message's content (`[aufbewahrung]`, by Anlass); so many days after it came
(`aufbewahrung.tage`); when it is used no more; never."""


@dataclass(frozen=True)
class Rule:
    """One table's rule."""

    ends: Ends
    """When `columns` are emptied, or their rows deleted."""
    columns: tuple[str, ...]
    """Columns that hold content, people's words or what names people; none: the table holds no such thing."""
    why: str
    """What the table is, and why what stays may stay."""
    stays: tuple[str, ...] = ()
    """Columns of bytes or words that are kept all the same."""


_INDEX: Final = "keyed hashes and keys of authorities: the Vorgang outlives the content"

RULES: Final[Mapping[str, Rule]] = {
    "message": Rule(
        "message", ("facts",), "who, what, when, decision: evidence", ("answer", "aktenzeichen_index", "azr_index")
    ),
    "message_reader": Rule("stays", (), "which authority may see a message"),
    "content": Rule("message", ("wrapped_key",), "the key is destroyed, then the chunks go; the digest stays"),
    "chunk": Rule("message", ("data",), "rows go in portions, after the key"),
    "part": Rule("stays", (), "names and digests of the parts: what the evidence speaks of"),
    "delivery": Rule("stays", (), "the way; its errors are our own sentences, without people's words"),
    "attempt": Rule("stays", (), "times and codes"),
    "receipt": Rule("stays", (), "evidence: who confirmed what; its bytes are a content that stays", ("reason",)),
    "receipt_proof": Rule("stays", (), "what a receipt was judged by"),
    "proof": Rule("stays", (), "certificates and revocation answers: evidence", ("body",)),
    "former_sealing": Rule("stays", (), "Message-IDs and digests of sealings that were replaced"),
    "event": Rule("message", ("worte",), "the log: no personal data in it, by its own rule", ("salt",)),
    "inbound": Rule("message", ("raw_content",), "refused ones: after the days", ("mdn_body",)),
    "mail_try": Rule("stays", (), "random tokens and enhanced status codes"),
    "kept_mail": Rule("days", ("content_id",), "mails kept for a person, and returned mails"),
    "vorgang": Rule("stays", (), "an id and two times"),
    "vorgang_mark": Rule("stays", (), _INDEX),
    "vorgang_message": Rule("stays", (), "which message belongs to which Vorgang"),
    "withheld_mark": Rule("stays", (), _INDEX),
    "message_mark": Rule("stays", (), _INDEX + "; Aktenzeichen are encrypted", ("aktenzeichen",)),
    "duty": Rule("stays", (), "number, authority, day; its text is the decree's"),
    "forward_target": Rule("stays", (), "which authority has which notice"),
    "clearing": Rule("message", ("grund",), "what waited for a person; the forwarder's words go"),
    "dezernat": Rule("message", ("dezernat",), "where within an authority: it may name a person, so its rows go"),
    "look": Rule("message", ("grund",), "who looked at content, and when; the words go"),
    "retention_hold": Rule("use", (), "an operator keeps a message: until it is let go"),
    "partner": Rule("use", (), "while it is agreed"),
    "partner_authority": Rule("use", (), "while it is agreed"),
    "lane": Rule("use", ("held_reason",), "an operator's words about a partner: until the lane is released"),
    "revocation_answer": Rule("use", ("body",), "while a registered certificate names the address"),
    "certificate_notice": Rule("stays", (), "digests of certificates; its reason is a code", ("grund",)),
    "person": Rule("use", ("password", "totp"), "an account, while there is one; its id stands in the log"),
    "person_session": Rule("use", (), "a session ends by itself and is swept"),
    "signon_done": Rule("use", (), "a log-in by an OpenID provider counts once; swept with the sessions"),
    "directory_change": Rule("stays", (), "the directory's history: who changed it and why", ("reason",)),
    "directory_row": Rule("stays", (), "the directory's history: authorities, no people"),
    "log_head": Rule("stays", (), "the size of the log"),
    "log_tile": Rule("stays", (), "hashes of the log", ("hashes",)),
    "log_checkpoint": Rule("stays", (), "signed heads of the log; of days long ago one each", ("signature",)),
    "store_key": Rule("use", ("wrapped",), "keys of the store, wrapped; an older one until no content needs it"),
    "alarm": Rule("stays", (), "what needed a person, and when: kinds, partners and counts, nobody's words"),
    "alarm_notice": Rule("stays", (), "which address of the operator's staff was told of it, and when"),
    "daily": Rule("stays", (), "which day something was done"),
    "restored": Rule("use", (), "a mark until the next start"),
    "schema_version": Rule("stays", (), "migrations"),
}
"""By table; `Rule.columns` go, `Rule.stays` do not."""
