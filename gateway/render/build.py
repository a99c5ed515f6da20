"""A message as a page: which part of the XML stands where on a letter or a form.

Promises: pure. The head of the page and the forms pick single elements; whatever they do not pick follows in sections
of its own, and the head of the message stands at the end in full, so that the page says all that the XML says.
Nothing is judged: a message that no schema accepts is shown just the same.
Fails: `TooLarge` beyond `MAX_ELEMENTS` or `MAX_CHARACTERS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from lxml import etree

from gateway.errors import TooLarge
from gateway.message import ZU_ERMITTELN
from gateway.render import decree, form, words
from gateway.render.describe import EMPTY, Describer, children, name_of, text_of
from gateway.render.labels import ANLASS_LABELS, attribute_label, label_of
from gateway.render.page import Entry, Field, Group, Page, Party, Value
from gateway.render.visible import visible
from routing.sachverhalt import ANLAESSE
from routing.verzeichnis import Verzeichnis

MAX_ELEMENTS: Final = 20_000
"""Elements on a page: a notice has some hundreds; twenty thousand fill some five hundred sheets that nobody reads."""
MAX_CHARACTERS: Final = 2_000_000
"""Characters on a page: a browser lays them out within seconds; longer content travels as a file."""

TEST_NOTICE: Final = "Diese Nachricht ist Testverkehr. Sie ist nicht zu bearbeiten."
UNKNOWN: Final = "nicht angegeben"
TO_BE_FOUND: Final = "vom Gateway zu ermitteln"
FOOTER: Final = "Lesefassung der elektronischen Nachricht. Maßgeblich ist das XML."

_ANLASS_KEYS: Final = {
    first + "".join(part.capitalize() for part in rest): "_".join((first, *rest))
    for first, *rest in (key.split("_") for key in ANLAESSE)
}
"""Element under `auswahl_anlass` to the key of the Anlass (contracts.md section 4: camelCase of its key)."""


def build_page(root: etree._Element, directory: Verzeichnis, titles: Mapping[str, str], erlass: decree.Decree) -> Page:
    """Lay a message out.

    Args:
        root: the root element, as a hardened parser gave it.
        directory: for the names of authorities and municipalities.
        titles: root name and number to the title of a kind of message.
        erlass: the text of the decree.

    Raises:
        TooLarge: the message has more than a page can show.
    """
    _refuse_mass(root)
    return _Builder(root, directory, titles, erlass).page()


def _refuse_mass(root: etree._Element) -> None:
    if sum(1 for _ in root.iter("*")) > MAX_ELEMENTS:
        raise TooLarge(f"Die Nachricht hat mehr als {MAX_ELEMENTS} Elemente; das ist zu viel für eine Seite.")
    size = sum(map(len, root.itertext())) + sum(len(str(v)) for e in root.iter("*") for v in e.attrib.values())
    if size > MAX_CHARACTERS:
        raise TooLarge(f"Die Nachricht hat mehr als {MAX_CHARACTERS} Zeichen; das ist zu viel für eine Seite.")


class _Builder:
    """One page in the making."""

    def __init__(
        self, root: etree._Element, directory: Verzeichnis, titles: Mapping[str, str], erlass: decree.Decree
    ) -> None:
        self.root, self.name = root, name_of(root)
        self.number = self.name.rpartition(".")[2]
        self.titles, self.directory, self.decree = titles, directory, erlass
        self.head = _child(root, "nachrichtenkopf", "nachrichtenkopf.g2g")
        self.base, self.facts = _child(root, "grunddaten"), _child(root, "fachdaten")
        self.papers = _child(root, "schriftgutobjekte")
        self.describe = Describer(directory, titles, _names(root))
        self.anlass = _anlass(self.facts)

    def page(self) -> Page:
        """The page; the order of the calls decides what is left for the general sections."""
        anlass = name_of(self.anlass) if self.anlass is not None else None
        laid_out = form.FORMS.get(anlass or "")
        sender, recipient = self._party("absender", "autor"), self._party("empfaenger", "leser")
        rule, sentence = self._rule(anlass, sender.name)
        title, subject = self._titles(anlass)
        return Page(
            form=laid_out is not None,
            title=title,
            test=self._test(),
            sender=sender,
            recipient=recipient,
            reference=tuple(self._reference()),
            subject=subject,
            rule=rule,
            sentence=sentence,
            sections=tuple(section for section in self._sections(laid_out) if section.entries),
            footer=(FOOTER,),
        )

    def _titles(self, anlass: str | None) -> tuple[str, str]:
        """Kind of message and Anlass; one line where the second says the first again."""
        title = visible(self.titles.get(self.name) or self.titles.get(self.number) or self.name)
        subject = ANLASS_LABELS[anlass] if anlass else ""
        return (subject, "") if subject.startswith(title) else (title, subject)

    def _sections(self, laid_out: form.Form | None) -> Iterator[Group]:
        if laid_out is not None and self.anlass is not None:
            person = self._person()
            yield from form.fill(laid_out, self.anlass, self.describe, person)
        else:
            yield Group("Betroffene Person", self._person())
            yield Group("Sachverhalt", self._below(self.anlass))
        more = "Weitere Angaben zum Sachverhalt" if self.anlass is not None else "Inhalt der Nachricht"
        yield Group(more, self._below(self.facts))
        yield Group("Verfahren und weitere Beteiligte", self._below(self.base))
        yield Group("Anlagen", self._below(self.papers))
        known = (self.head, self.base, self.facts, self.papers)
        others = [child for child in children(self.root) if child not in known]
        yield Group("Weitere Angaben", tuple(entry for child in others for entry in self.describe.take(child)))
        yield Group("Angaben zur Übermittlung", tuple(self._transmission()))

    def _below(self, element: etree._Element | None) -> tuple[Entry, ...]:
        """What is left in an element; it counts as shown afterwards."""
        if element is None or element in self.describe.shown:
            return ()
        entries = self.describe.below(element)
        self.describe.shown.add(element)
        return entries

    def _person(self) -> tuple[Entry, ...]:
        """The person that the facts point to, with the AZR-Nummer."""
        if self.facts is None:
            return ()
        found: list[Entry] = []
        for child in children(self.facts):
            if name_of(child) in {"betroffenePerson", "azrNummer", "azr-Nr"}:
                found.extend(self.describe.take(child))
        numbers = {
            text_of(ref)
            for child in children(self.facts)
            if name_of(child) == "betroffenePerson"
            for ref in children(child)
        }
        for part in _all(self.base, "beteiligung"):
            if numbers & {text_of(number) for number in _all(part, "rollennummer")}:
                roles = [child for child in children(part) if name_of(child) == "rolle"]
                self.describe.shown.update(roles)
                found.extend(self.describe.below(part))
                found.extend(self.describe.neighbours("rolle", roles))
                self.describe.shown.add(part)
        return tuple(found)

    def _party(self, *names: str) -> Party:
        """Sender or recipient by its best name."""
        side = _child(self.head, *names)
        label = label_of(names[0])
        if side is None:
            return Party(label, Value(UNKNOWN))
        key, free = _key(side)
        written = next((text_of(name) for name in _all(side, "name") if text_of(name)), "")
        if key and key in self.directory.behoerden:
            return Party(label, self.describe.authority(key))
        if free == ZU_ERMITTELN:
            return Party(label, Value(TO_BE_FOUND))
        return Party(label, Value(visible(written or free or key or UNKNOWN), visible(key if written else "")))

    def _reference(self) -> Iterator[Field]:
        """File numbers, day and number of the message: what an answer quotes."""
        sender, recipient = _child(self.head, "absender"), _child(self.head, "empfaenger")
        numbers = _child(self.base, "aktenzeichen")
        own = _child(sender, "aktenzeichen") if sender is not None else _child(numbers, "eigenes")
        others = _first(recipient, "aktenzeichen.freitext") if recipient is not None else _child(numbers, "fremdes")
        yield from self._quoted("Unser Zeichen", own)
        yield from self._quoted("Ihr Zeichen", others)
        yield from self._quoted("Datum", _first(self.head, "erstellungszeitpunkt"))
        yield from self._quoted("Nachrichten-ID", _first(self.head, "eigeneNachrichtenID", "nachrichtenUUID"))
        related = _first(self.head, "fremdeNachrichtenID")
        if related is None:
            related = _child(self.base, "fremdeNachrichtenID")
        yield from self._quoted("Bezug: Nachrichten-ID", related)
        if self.base is not None and numbers is not None and not self.describe.below(numbers):
            self.describe.shown.add(numbers)

    def _quoted(self, label: str, element: etree._Element | None) -> Iterator[Field]:
        if element is None or len(element) or element.attrib:
            return
        yield Field(label, (self.describe.value(element),))
        if self.base is not None and self.base in element.iterancestors():
            self.describe.shown.add(element)

    def _rule(self, anlass: str | None, sender: Value) -> tuple[str, str]:
        """How the letter names the number of the decree, and what it says there."""
        found = self.directory.behoerden.get(sender.note)
        if anlass:
            numbers = decree.rule_of(_ANLASS_KEYS.get(anlass), found.art if found else None)
        else:
            numbers = decree.FORWARDING.get(self.number, ())
        return decree.heading(numbers, self.decree), decree.sentence(numbers[0], self.decree) if numbers else ""

    def _test(self) -> Field | None:
        holders = (self.root, self.head)
        if not any(holder is not None and holder.get("test") is not None for holder in holders):
            return None
        return Field("Testnachricht", (Value(TEST_NOTICE),))

    def _transmission(self) -> Iterator[Entry]:
        yield Field("Wurzelelement", (Value(visible(self.name)),))
        for name, raw in self.root.attrib.items():
            label = attribute_label(etree.QName(str(name)).localname)
            yield Field(visible(label), (Value(visible(str(raw)) or EMPTY),))
        if text_of(self.root):
            yield Field("Text", (Value(visible(text_of(self.root))),))
        yield from self._below(self.head)


def _child(element: etree._Element | None, *names: str) -> etree._Element | None:
    """The first child of one of these names."""
    if element is None:
        return None
    return next((child for child in children(element) if name_of(child) in names), None)


def _all(element: etree._Element | None, name: str) -> Iterator[etree._Element]:
    """Every descendant of that name, in document order."""
    return (found for found in (element.iter("*") if element is not None else ()) if name_of(found) == name)


def _first(element: etree._Element | None, *names: str) -> etree._Element | None:
    return next((found for name in names for found in _all(element, name)), None)


def _anlass(facts: etree._Element | None) -> etree._Element | None:
    """The one element under `auswahl_anlass` that is an Anlass of ours."""
    inner = children(choice) if (choice := _child(facts, "auswahl_anlass")) is not None else []
    return inner[0] if len(inner) == 1 and name_of(inner[0]) in ANLASS_LABELS else None


def _key(side: etree._Element) -> tuple[str, str]:
    """Key of an authority in the head, as far as it is written, and the free text in its place."""
    choice = _first(side, "auswahl_kommunikationspartner")
    partner = next(iter(children(choice)), None) if choice is not None else _child(side, "kennung")
    if partner is None:
        return "", ""
    code = _child(partner, "code")
    if code is None:
        return text_of(partner), text_of(partner)
    return words.CODE_PREFIXES.get(name_of(partner), "") + text_of(code), ""


def _names(root: etree._Element) -> dict[tuple[str, str], str]:
    """What the references of this message point to, by the names that people know."""
    names: dict[tuple[str, str], str] = {}
    for part in _all(root, "beteiligung"):
        person = visible(_person_name(part))
        if person:
            names.update({("ref.rollennummer", text_of(number)): person for number in _all(part, "rollennummer")})
            names.update(
                {("ref.beteiligtennummer", text_of(number)): person for number in _all(part, "beteiligtennummer")}
            )
    for paper in _all(root, "dokument"):
        title = _first(paper, "anzeigename", "dateiname")
        number = _first(paper, "id")
        if title is not None and number is not None:
            names["ref.sgo", text_of(number)] = visible(text_of(title))
    return names


def _person_name(part: etree._Element) -> str:
    full = _first(part, "vollerName")
    if full is None:
        organisation = _first(part, "bezeichnung.aktuell")
        return text_of(organisation) if organisation is not None else ""
    order = ("titel", "vorname", "namensvorsatz", "nachname")
    return " ".join(_texts(_child(full, name) for name in order))


def _texts(elements: Iterable[etree._Element | None]) -> Iterator[str]:
    return (text for element in elements if element is not None and (text := text_of(element)))
