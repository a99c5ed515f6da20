"""What an XSD cannot say (design.md section 3): files, references, numbers, answers.

Promises: pure; every rule is one function in `RULES`, each gives its findings, all are gathered into one refusal.
Fails: `Invalid` (422), code `regel`, from `judge`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lxml import etree

from gateway.check.head import AZR_ELEMENTS, partner_key
from gateway.check.place import child, local, named, text, xpath_of
from gateway.errors import Befund, Invalid
from gateway.message import Kopf

MAX_FILE_NAME = 90
"""Characters of a file name, ending included: the limit of the German e-justice infrastructure."""
MAX_FILES = 1_000
"""Files of one message: the limit of the German e-justice infrastructure."""
_AZR = re.compile(r"[0-9]{2}(0[0-9]|1[0-2])([0-2][0-9]|3[01])[0-9]{6}")
_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_FILE_NAME = re.compile(rf"[0-9A-Za-zÄÖÜäöüß_-]+_{_UUID}(?:\.[0-9A-Za-z]{{1,10}}){{1,2}}")
_PATH_SIGNS = re.compile(r"[/\\:\x00]|\.\.")

FORWARD = "9900020"
"""The Weiterleitung: its files are the parts of another message."""
TARGETS = {
    "ref.rollennummer": "rollennummer",
    "ref.beteiligtennummer": "beteiligtennummer",
    "ref.instanznummer": "instanznummer",
    "verweisInstanz": "instanznummer",
    "ref.sgo": "id",
    "dateiname.bezugsdatei": "dateiname",
}
"""Which element a reference must equal the text of: every reference of our own XSDs, and those of official XJustiz that
stay within a message and mean one kind of element in all its modules."""
ANSWERS = frozenset({"9900004", "9900007", "9900011", "9900013", "9900091"})
"""Numbers of answers, corrections and acknowledgements: they name their notice (contracts.md section 4)."""
SUPPLEMENTS = frozenset({"urteil_nachgereicht"})
"""Anlässe that supplement a notice."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What the rules look at."""

    root: etree._Element
    kopf: Kopf
    attachments: Sequence[str] | None
    """Names of the files beside the XML; None where they are not known."""
    anlass: str | None
    """Anlass that the message itself states; None for official packs and for roots without facts."""

    @property
    def own(self) -> bool:
        """Whether the message belongs to one of our own families."""
        return self.kopf.familie != "xjustiz"


Rule = Callable[[Subject], Iterable[Befund]]


def judge(subject: Subject, more: Sequence[Rule] = ()) -> None:
    """Apply every rule.

    Args:
        subject: what is judged.
        more: rules beside those of this file.

    Raises:
        Invalid: with the findings of all rules.
    """
    found = [finding for rule in (*RULES, *more) for finding in rule(subject)]
    if found:
        count = "eine fachliche Regel" if len(found) == 1 else f"{len(found)} fachliche Regeln"
        raise Invalid(f"Die Nachricht verletzt {count}.", *found, code="regel")


def _at(node: etree._Element, code: str, sentence: str) -> Befund:
    """A finding at an element."""
    return Befund(code, sentence, zeile=node.sourceline, xpath=xpath_of(node))


def azr_number(subject: Subject) -> Iterable[Befund]:
    """The AZR-Nummer is a date and six digits (design.md section 3)."""
    for name in AZR_ELEMENTS:
        for node in named(subject.root, name):
            if not _AZR.fullmatch(text(node) or ""):
                yield _at(node, "azr_nummer", "Die AZR-Nummer besteht aus JJMMTT und sechs weiteren Ziffern.")


def file_names(subject: Subject) -> Iterable[Befund]:
    """Form, length and uniqueness of the file names in the XML."""
    nodes = named(subject.root, "dateiname")
    if len(nodes) > MAX_FILES:
        yield Befund("dateien_anzahl", f"Eine Nachricht darf höchstens {MAX_FILES} Dateien haben.")
    seen: dict[str, str] = {}
    for node in nodes:
        name = text(node) or ""
        fault = _name_fault(name, carried=subject.kopf.nummer == FORWARD)
        if fault:
            yield _at(node, *fault)
        elif seen.setdefault(name.casefold(), name) != name:
            yield _at(node, "dateiname_doppelt", "Zwei Dateinamen unterscheiden sich nur in Groß- und Kleinschreibung.")


def _name_fault(name: str, *, carried: bool) -> tuple[str, str] | None:
    """What is wrong with a file name; None if nothing. A carried file keeps the name that its sender gave it."""
    if _PATH_SIGNS.search(name):
        return "dateiname_pfad", "Ein Dateiname darf keinen Pfad enthalten."
    if len(name) > MAX_FILE_NAME:
        return "dateiname_laenge", f"Ein Dateiname darf mit Endung höchstens {MAX_FILE_NAME} Zeichen haben."
    if not carried and not _FILE_NAME.fullmatch(name):
        return "dateiname_form", (
            "Ein Dateiname hat die Form Name_UUID.Endung; der Name besteht aus Buchstaben, Ziffern, _ und -."
        )
    return None


def attachments(subject: Subject) -> Iterable[Befund]:
    """Every named file is attached, and every attachment is named."""
    if subject.attachments is None:
        return
    counts = Counter(subject.attachments)
    for node in named(subject.root, "dateiname"):
        if (text(node) or "") not in counts:
            yield _at(node, "datei_fehlt", "Diese Datei wird genannt, ist aber nicht beigefügt.")
    for name, count in counts.items():
        if name not in subject.kopf.dateien:
            shown = shown_name(name)
            yield Befund("datei_ueberzaehlig", f"Die beigefügte Datei {shown} wird in der Nachricht nicht genannt.")
        elif count > 1:
            yield Befund("datei_doppelt", f"Die Datei {shown_name(name)} ist mehrfach beigefügt.")


def shown_name(name: str) -> str:
    """A foreign file name, fit for a sentence: shortened, unprintable signs replaced."""
    clean = "".join(sign if sign.isprintable() else "�" for sign in name[:MAX_FILE_NAME])
    return f"„{clean}“" + ("…" if len(name) > MAX_FILE_NAME else "")


def references(subject: Subject) -> Iterable[Befund]:
    """Each `ref.*` and each `verweis*` resolves within the message."""
    known: dict[str, set[str]] = {}
    for node in subject.root.iter(*("{*}" + name for name in TARGETS)):
        if len(node):  # a type around the reference proper, which bears its name
            continue
        name = local(node)
        target = TARGETS[name]
        if target not in known:
            known[target] = {value for found in named(subject.root, target) if (value := text(found))}
        if (text(node) or "") not in known[target]:
            yield _at(node, "verweis_ungueltig", f"Der Verweis „{name}“ nennt kein vorhandenes Element „{target}“.")


def authority_blocks(subject: Subject) -> Iterable[Befund]:
    """Where a partner has a code and an XÖV block `behoerde` beside it, both are the same authority."""
    for side in (child(subject.root, "nachrichtenkopf", name, "informationen") for name in ("absender", "empfaenger")):
        block = child(side, "behoerde")
        stated = text(block, "kennung")
        if block is not None and stated != partner_key(side):
            yield _at(block, "behoerde_widerspruch", "Kommunikationspartner und Block „behoerde“ nennen Verschiedenes.")


def answers(subject: Subject) -> Iterable[Befund]:
    """Answers, supplements and corrections name the message that they belong to."""
    if not subject.own or subject.kopf.fremde_id is not None:
        return
    if subject.kopf.nummer in ANSWERS or subject.anlass in SUPPLEMENTS:
        yield Befund(
            "bezug_fehlt",
            "Eine Antwort, Ergänzung oder Berichtigung muss ihre Nachricht in fremdeNachrichtenID nennen.",
            zeile=subject.root.sourceline,
            xpath=xpath_of(subject.root),
        )


RULES: tuple[Rule, ...] = (azr_number, file_names, attachments, references, authority_blocks, answers)
"""Every rule beyond XSD, in the order in which findings appear."""
