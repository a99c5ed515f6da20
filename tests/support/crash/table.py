"""Which scene passes which site. A site that stands neither here nor in `OFF_THE_WAY` fails `tests/crash`."""

from dataclasses import dataclass

from crash.process import Point

AFTER_SENDING: Point = ("ways.As2Way.hand_over", "after", 1)
"""Dies with the partner's answer in hand, and nothing of it recorded."""
AFTER_TAKING: Point = ("receiving.Receiving._durable", "after", 1)
"""Dies with a request durable, and not judged."""
BEFORE_RECEIPT: Point = ("receipts.Receipts._send", "before", 1)
"""Dies with a receipt of ours claimed, and not sent."""


@dataclass(frozen=True)
class Play:
    """One scene in which the gateway dies at a site."""

    scene: str
    prelude: tuple[Point, ...] = ()
    """Where it dies before that, so that the next start has something to recover."""
    after: bool = True
    """Whether this scene passes the site, or only comes to it: what is refused there raises."""


def _plays(*scenes: str) -> tuple[Play, ...]:
    return tuple(Play(scene) for scene in scenes)


ON_THE_WAY: dict[str, tuple[Play, ...]] = {
    # in by HTTP
    "accepting.Accepting._store": _plays("http_to_as2", "with_files"),
    "accepting.Accepting.refused": _plays("refused"),
    "answer POST /v1/messages": _plays("http_to_as2", "with_files"),
    "content.ContentWriter._stage": _plays("with_files"),
    "content.Contents.stage": _plays("with_files"),
    "content.Contents.discard": _plays("with_files_refused"),
    "content.ContentWriter.discard": _plays("with_files_cut"),
    # in by AS2
    "receiving.Receiving._durable": _plays("as2_in", "edge_in", "mail_in"),
    "receiving.Receiving._judge_held": _plays("as2_in", "edge_in", "mail_in"),
    "answer POST /as2": _plays("as2_in", "edge_in", "http_to_as2_later"),
    "receiving.Receiving._again#1": _plays("as2_in_twice"),
    "receiving.Receiving._again#2": _plays("as2_in_twice"),
    "receiving.Receiving._receipt": _plays("as2_in_wrong"),
    "receiving.Receiving._demand_agreed_url": _plays("as2_in_wrong"),
    "receiving.Receiving.recover": (Play("as2_in", (AFTER_TAKING,)), Play("edge_in", (AFTER_TAKING,))),
    "receipts.Receipts.claim": _plays("as2_in_later"),
    "receipts.Receipts._send": _plays("as2_in_later"),
    "receipts.Receipts._move": _plays("as2_in_later"),
    "receipts.Receipts.recover": (Play("as2_in_later", (BEFORE_RECEIPT,)),),
    # in by mail
    "answer to a mail": _plays("http_to_mail", "mail_in"),
    "ways.MailReceipts.send": _plays("mail_in"),
    "mailing.Mailing._keep": _plays("mail_that_is_no_receipt"),
    "bouncing.Bouncing.note#1": _plays("mail_returned"),
    "bouncing.Bouncing.note#2": _plays("mail_returned"),
    "bouncing.Bouncing.note#3": _plays("mail_returned"),
    "bouncing.Bouncing._apply_one": _plays("mail_returned"),
    "delivering.Delivering.returned#1": _plays("mail_returned"),
    # out
    "delivering.Delivering._claim_lane.take": _plays("http_to_as2", "http_to_mail", "several"),
    "delivering.Delivering._renew": _plays("slow_partner"),
    "sealing.Sealing._keep": _plays("http_to_as2", "http_to_mail", "with_files"),
    "ways.As2Way.hand_over": _plays("http_to_as2", "http_to_as2_later", "with_files"),
    "ways.MailWay.hand_over#1": _plays("http_to_mail"),
    "ways.MailWay.hand_over#2": _plays("http_to_mail"),
    "delivering.Delivering._take#1": _plays("http_to_as2_later", "http_to_mail"),
    "delivering.Delivering._take#2": _plays("receipt_before_its_answer"),
    "delivering.Delivering.late": _plays("receipt_too_late"),
    "delivering.Delivering.recover": (Play("http_to_as2", (AFTER_SENDING,)),),
    "delivering.Delivering.overdue": (Play("http_to_as2", (AFTER_SENDING,)),),
    "gateway.Gateway._recover": (Play("http_to_as2", (AFTER_SENDING,)), Play("edge_in", (AFTER_TAKING,))),
    "gateway.Gateway._sweep": (Play("http_to_as2", (AFTER_SENDING,)),),
    "lanes.Lanes.failed": _plays("busy_partner"),
    "lanes.Lanes._stop": _plays("delay_is_told"),
    "lanes.Lanes.answered#1": _plays("delay_is_told"),
    "lanes.Lanes.answered#2": _plays("busy_partner"),
    "notifying.Notifying._tell_of_delay": _plays("delay_is_told"),
    # receipts, and what is collected
    "settling.Settling.settle#1": _plays("http_to_as2", "http_to_as2_later", "http_to_mail"),
    "settling.Settling.settle#2": _plays("receipt_twice"),
    "settling.Settling._settle_former#1": _plays("resent"),
    "settling.Settling._settle_former#2": _plays("resent"),
    "collecting.Collecting._record": _plays("http_to_inbox", "edge_in"),
    "answer POST /v1/inbox/{id}/ack": _plays("http_to_inbox", "edge_in"),
    # evidence
    "logbook.Logbook._batch#1": _plays("http_to_as2"),
    "logbook.Logbook._batch#2": _plays("http_to_as2"),
    # forward
    "forwarding.Forwarding._once": _plays("forwarded", "forwarded_by_an_operator"),
    "forwarding.Forwarding._into_clearing": _plays("forwarded_by_an_operator"),
    "forwarding.Forwarding._to_dezernat": _plays("to_a_dezernat"),
    "answer POST /v1/messages/{id}/forward": _plays("forwarded"),
    # purge
    "purging.Purging._delete": _plays("purged"),
    "purging.Purging._sweep": _plays("purged"),
    "purging.Purging._unneeded": _plays("purged"),
    # release, and an operator's acts
    "operating.Operating._reroute": _plays("released", "assigned"),
    "operating.Operating._add_recipient": _plays("assigned_beside"),
    "operating.Operating._act": _plays("cancelled", "resent"),
    "answer POST /v1/messages/{id}/release": _plays("released"),
    "answer POST /v1/messages/{id}/assign": _plays("assigned", "forwarded_by_an_operator"),
    "answer POST /v1/messages/{id}/resend": _plays("resent"),
    "answer POST /v1/messages/{id}/cancel": _plays("cancelled"),
}

BY_A_WORKER: dict[str, str] = {
    "delivering.Delivering._claim_lane.take": "http_to_as2",
    "sealing.Sealing._keep": "http_to_as2",
    "ways.As2Way.hand_over": "http_to_as2",
    "ways.MailWay.hand_over#2": "http_to_mail",
    "delivering.Delivering._take#1": "http_to_as2_later",
    "settling.Settling.settle#1": "http_to_as2",
    "receipts.Receipts._send": "as2_in_later",
    "receipts.Receipts._move": "as2_in_later",
}
"""Sites that a worker process of `gateway serve --workers` passes, with the scene; it dies there, or its parent."""

_TRUST = "trust in certificates: no message depends on this step having happened"
_KEYS = "keys of the store are wrapped anew, content by content; no message changes"
_PEOPLE = "accounts, pages and reminders of people: no message changes"
_BY_HAND = "a command that a person watches and starts again"

OFF_THE_WAY: dict[str, str] = {
    "certificates.": _TRUST,
    "revoking.": _TRUST,
    "keyring.": _KEYS,
    "rewrapping.": _KEYS,
    "people.": _PEOPLE,
    "signon.": _PEOPLE,
    "provider.": _PEOPLE,
    "looking.": _PEOPLE,
    "auditing.": _PEOPLE,
    "reminding.": _PEOPLE,
    "alarming.": _PEOPLE,
    "backup.": _BY_HAND,
    "restoring.": _BY_HAND,
    "directory.": _BY_HAND,
    "partners.": _BY_HAND,
    "probing.": _BY_HAND,
    "lanes.Lanes._act": _BY_HAND,
    "purging.Purging._act": _BY_HAND,
    "purging.Purging._is_my_turn": "takes the day for one of several gateways; what is not purged today is tomorrow",
    "receiving.Receiving._renew": "keeps a claim as `delivering.Delivering._renew` does",
    "receipts.Receipts._renew": "keeps a claim as `delivering.Delivering._renew` does",
    "receiving.Receiving._raised": "only where a judgement raises: it is tried again, as after a crash",
    "thinning.": "checkpoints of long ago: the tree is as it was, and what is not thinned today is tomorrow",
    "patience.": "only where work raises each time: an alarm, and a person decides",
    "delivering.Delivering._tell_of_broken": "an alarm; no message changes",
    "delivering.Delivering._drop": "only where an agreement ended or a lane stopped for days: what waits there ends",
    "delivering.Delivering.returned#2": "only where a receipt comes at the moment at which its mail comes back",
    "receiving.Receiving._recover_one": "only where an agreement ended while its request was not judged: it is refused",
}
"""Sites that no message passes, with the reason; `module.` stands for all of a module."""


def is_off_the_way(site: str) -> bool:
    """Whether it stands in `OFF_THE_WAY`."""
    return site in OFF_THE_WAY or f"{site.partition('.')[0]}." in OFF_THE_WAY


SHORT: dict[str, tuple[tuple[str, str], ...]] = {
    "sqlite": (
        ("accepting.Accepting._store", "after"),
        ("sealing.Sealing._keep", "after"),
        ("ways.As2Way.hand_over", "after"),
        ("ways.MailWay.hand_over#2", "after"),
        ("receiving.Receiving._judge_held", "after"),
        ("forwarding.Forwarding._once", "after"),
    ),
    "postgres": (
        ("ways.As2Way.hand_over", "after"),
        ("forwarding.Forwarding._once", "before"),
        ("collecting.Collecting._record", "before"),
    ),
}
"""What `make test` runs: one point of each part of the way, in the first scene of its site."""
SHORT_WORKERS = {("ways.As2Way.hand_over", "after")}
"""And of those that a worker process passes."""
