"""The rules explain themselves: the table as a page, one number with its text, the README's table.

Promises: pure; the table that decides is the one that is shown. Every number of the decree stands in it, also where
nothing is to be done.
Fails: `KeyError` for a row without words, which no release has.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from routing.erlass.lage import Regel
from routing.erlass.weitere import EGGVG
from routing.erlass.worte import ABSENDER, OHNE_ANLASS, WORTE, OhneAnlass, Schritt
from routing.regelwerk import Fassung

WIDTH: Final = 100
"""Columns of the page: what a printed sheet and most terminals hold."""
INDENT: Final = 6
LABEL: Final = 11

ALLE: Final = "alle Stellen des Verzeichnisses"
IM_QUELLTEXT: Final = "Die Tests liegen im Quelltext des Programms, nicht im installierten Paket."


@dataclass(frozen=True)
class Sources:
    """What the rulebook is made of; the shell reads it."""

    tabelle: Sequence[Regel]
    """The rows that are valid."""
    fassungen: Sequence[Fassung]
    """The versions that are valid."""
    erlass: Mapping[str, Any]
    """The decree's text (`routing/data/erlass-*.toml`)."""
    katalog: Mapping[str, Any]
    """The catalogue of messages (`schemas/katalog.toml`)."""
    tests: Mapping[str, Sequence[str]]
    """Number to the names of its tests (`routing/data/tests.toml`)."""
    titel: Callable[[str], str]
    """What an Anlass is called."""
    element: Callable[[str], str]
    """The XML element of an Anlass."""


@dataclass(frozen=True)
class Row:
    """One row of the table, or one sentence without an Anlass."""

    zeile: str
    anlaesse: tuple[str, ...]
    absender: tuple[str, ...]
    schritte: tuple[Schritt, ...]
    vorrang: str
    regel: str
    nachrichten: tuple[str, ...] = ()
    """Numbers of messages, where no Anlass leads to them."""

    @property
    def nummern(self) -> tuple[str, ...]:
        """The numbers of the decree that its steps belong to, in order."""
        return tuple(sorted({number_of(schritt.nummer) for schritt in self.schritte}, key=order))

    def as_json(self) -> dict[str, Any]:
        """The row as a JSON object."""
        return {
            "nummern": list(self.nummern),
            "anlaesse": list(self.anlaesse),
            "absender": list(self.absender),
            "schritte": [{"nummer": s.nummer, "text": s.text, "auslegung": s.auslegung or None} for s in self.schritte],
            "vorrang": self.vorrang or None,
            "regel": self.regel or None,
        }


def number_of(satz: str) -> str:
    """The number that a sentence belongs to: `3.2 Satz 4` → `3.2`."""
    return satz.partition(" Satz ")[0]


def order(satz: str) -> tuple[int, ...]:
    """Sorts numbers and sentences as the decree does; § 20 EGGVG comes last."""
    return (99,) if satz.startswith("§") else tuple(int(part) for part in re.findall(r"\d+", satz))


def rows(tabelle: Sequence[Regel]) -> list[Row]:
    """Every row of the table and every sentence without an Anlass, in the decree's order."""
    found = [_row(regel) for regel in tabelle] + [_row_without(ohne) for ohne in OHNE_ANLASS]
    return sorted(found, key=lambda row: order(row.zeile))


def _row(regel: Regel) -> Row:
    worte = WORTE[regel.empfaenger]
    if regel.zeile == EGGVG:
        absender: tuple[str, ...] = ("Absender der berichtigten Mitteilung",)
    else:
        absender = tuple(name for art, name in ABSENDER.items() if art in (regel.absender or ()))
    return Row(regel.zeile, regel.anlaesse, absender or (ALLE,), worte.schritte, worte.vorrang, _name(regel.empfaenger))


def _row_without(ohne: OhneAnlass) -> Row:
    regel = _name(ohne.regel) if ohne.regel else ""
    return Row(ohne.schritt.nummer, (), (ohne.wer,), (ohne.schritt,), "", regel, ohne.nachrichten)


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__name__}"


def numbers(erlass: Mapping[str, Any]) -> list[str]:
    """Every number of the decree that says something, in order, and § 20 EGGVG."""
    return [part["nummer"] for part in erlass["nummer"] if part["absaetze"]] + [EGGVG]


def table(sources: Sources) -> dict[str, Any]:
    """The whole table as a JSON object."""
    return {"regelwerk": _versions(sources), "zeilen": [row.as_json() for row in rows(sources.tabelle)]}


def _versions(sources: Sources) -> list[dict[str, Any]]:
    return [version_json(fassung) for fassung in sources.fassungen]


def version_json(fassung: Fassung) -> dict[str, Any]:
    """One version as a JSON object."""
    return {
        "name": fassung.name,
        "fassung": fassung.fassung,
        "gueltig_ab": fassung.gueltig_ab.isoformat(),
        "gueltig_bis": fassung.gueltig_bis.isoformat() if fassung.gueltig_bis else None,
        "quelle": fassung.quelle or None,
    }


def version_text(fassung: Fassung) -> str:
    """One version as a line for people."""
    bis = f" bis {fassung.gueltig_bis:%d.%m.%Y}" if fassung.gueltig_bis else ""
    quelle = f" ({fassung.quelle})" if fassung.quelle else ""
    return f"{fassung.name}, Fassung {fassung.fassung}, gilt ab {fassung.gueltig_ab:%d.%m.%Y}{bis}{quelle}"


def number(sources: Sources, nummer: str) -> dict[str, Any] | None:
    """One number with its text, rows, readings, messages and tests; None if the decree has no such number.

    Args:
        sources: what the rulebook is made of.
        nummer: `3.2`, also `3.2 Satz 4`, or `§ 20 EGGVG`.
    """
    which = number_of(nummer.strip())
    if which not in numbers(sources.erlass):
        return None
    part: Mapping[str, Any] = next((p for p in sources.erlass["nummer"] if p["nummer"] == which), {})
    mine = [row for row in rows(sources.tabelle) if which in row.nummern]
    return {
        "nummer": which,
        "ueberschrift": part.get("ueberschrift") or _chapter(sources.erlass, which),
        "fundstelle": sources.erlass["fundstelle"],
        "absaetze": part.get("absaetze", []),
        "zeilen": [row.as_json() for row in mine],
        "auslegungen": [
            {"nummer": s.nummer, "text": s.auslegung}
            for row in mine
            for s in row.schritte
            if s.auslegung and number_of(s.nummer) == which
        ],
        "nachrichten": [message for row in mine for message in messages(sources, row)],
        "tests": list(sources.tests.get(which, ())),
        "regelwerk": _versions(sources),
    }


def _chapter(erlass: Mapping[str, Any], nummer: str) -> str:
    """The heading under which a number stands."""
    chapter = nummer.partition(".")[0]
    found = (p.get("ueberschrift", "") for p in erlass["nummer"] if p["nummer"] == chapter)
    return next(found, "Berichtigung übermittelter Daten")


def messages(sources: Sources, row: Row) -> list[dict[str, Any]]:
    """The messages of a row: root and, where the rules decide, the Anlass and its element."""
    found = []
    for pack in sources.katalog["pack"]:
        for message in pack.get("nachricht", ()):
            for anlass in row.anlaesse:
                if anlass in message["anlaesse"]:
                    element = sources.element(anlass)
                    found.append({"wurzel": message["wurzel"], "anlass": anlass, "element": element})
            if message["nummer"] in row.nachrichten:
                found.append({"wurzel": message["wurzel"], "anlass": None, "element": None})
    return found


def page(sources: Sources) -> str:
    """The table as a page for people who read law."""
    return "\n".join(_page(sources)).rstrip()


def _page(sources: Sources) -> Iterator[str]:
    yield from _wrapped(f"{sources.erlass['titel']}.")
    for fassung in sources.fassungen:
        yield from _wrapped(version_text(fassung))
    yield ""
    yield from _wrapped(
        "ABH: Ausländerbehörde; ZAB: Zentrale Ausländerbehörde; AZR: Ausländerzentralregister; JVA: auch "
        "Jugendarrest und Sozialtherapeutische Anstalt. Eine Stelle, die bei einem Anlass nicht genannt ist, darf ihn "
        "nicht mitteilen; was keine Regel zuordnen kann, geht in die Klärung. `gateway rules 3.2` zeigt eine Nummer "
        "mit ihrem Wortlaut."
    )
    chapter = ""
    for row in rows(sources.tabelle):
        here = row.zeile.partition(".")[0].partition(" Satz")[0]
        if here != chapter:
            chapter = here
            yield from ("", f"{chapter}  {_chapter(sources.erlass, chapter)}", "═" * WIDTH)
        yield from ("", *_block(sources, row))


def _block(sources: Sources, row: Row) -> Iterator[str]:
    """One row: its number, then one paragraph a column."""
    titles = [f"{sources.titel(anlass)} ({anlass})" for anlass in row.anlaesse] or ["ohne eigene Nachricht"]
    if row.nachrichten:
        titles = [message["wurzel"] for message in messages(sources, row)]
    lines = [
        *_labelled("Nachricht" if row.nachrichten else "Anlass", titles),
        *_labelled("Absender", [", ".join(row.absender)]),
    ]
    for schritt in row.schritte:
        lines += _labelled(_short(schritt.nummer, row), [schritt.text])
        if schritt.auslegung:
            lines += _labelled("Auslegung", [schritt.auslegung])
    if row.anlaesse:
        lines += _labelled("Vorrang", [row.vorrang or "nein"])
    name = ", ".join(row.nummern)
    first = f"{name:<{INDENT}}{lines[0][INDENT:]}" if len(name) < INDENT else f"{name}\n{lines[0]}"
    yield from (first, *lines[1:])


def _short(satz: str, row: Row) -> str:
    """How a step is labelled inside its row: `Satz 2`, in a row of two numbers `3.2 Satz 1`, else `Empfänger`."""
    if len(row.nummern) > 1:
        return satz.replace("Satz", "S.")
    _, _, n = satz.partition(" Satz ")
    return f"Satz {n}" if n else ("Empfänger" if row.anlaesse else "Inhalt")


def _labelled(label: str, texts: Sequence[str]) -> list[str]:
    """Paragraphs with a label before the first."""
    lines: list[str] = []
    for text in texts:
        head = " " * INDENT + f"{'' if lines else label:<{LABEL}}"
        lines += textwrap.wrap(
            text, WIDTH, initial_indent=head, subsequent_indent=" " * (INDENT + LABEL), break_on_hyphens=False
        )
    return lines


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def number_page(sources: Sources, found: Mapping[str, Any]) -> str:
    """One number, as `number` gives it, as a page."""
    return "\n".join(_number_page(sources, found)).rstrip()


def _number_page(sources: Sources, found: Mapping[str, Any]) -> Iterator[str]:
    which = found["nummer"]
    yield f"{'' if which.startswith('§') else 'Nummer '}{which}: {found['ueberschrift']}"
    yield "═" * WIDTH
    several = sum(len(absatz) for absatz in found["absaetze"]) > 1
    n = 0
    for absatz in found["absaetze"]:
        sentences = [f"{_raised(n + k)}{satz}" if several else satz for k, satz in enumerate(absatz, 1)]
        n += len(absatz)
        yield from ("", *_wrapped(" ".join(sentences), " " * INDENT))
    if found["absaetze"]:
        yield from ("", *_wrapped(f"({found['fundstelle']})", " " * INDENT))
    for row in rows(sources.tabelle):
        if which in row.nummern:
            yield from ("", *_block(sources, row))
            yield from _labelled("Regel", [row.regel or "in den Abläufen des Gateways"])
    yield from _section("Nachrichten und Schema", [_message(message) for message in found["nachrichten"]])
    tests = found["tests"] or ["keine"]
    yield from _section("Tests", tests)
    if found["tests"]:
        yield from _wrapped(IM_QUELLTEXT, " " * INDENT)


def _raised(n: int) -> str:
    """The number of a sentence as statutes print it."""
    return str(n).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _message(message: Mapping[str, Any]) -> str:
    where = f", auswahl_anlass/{message['element']}" if message["element"] else ""
    return f"{message['wurzel']}{where}"


def _section(head: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", f"{head}:")
        yield from (" " * INDENT + line for line in dict.fromkeys(lines))


def table_markdown(sources: Sources) -> str:
    """The README's table: each number of the decree, its rule, its messages and the files of its tests."""
    lines = ["| Nr. | Regel | Nachricht: Anlass | Tests |", "| --- | --- | --- | --- |"]
    lines += [_markdown_row(sources, nummer) for nummer in numbers(sources.erlass)]
    return "\n".join(lines)


def _markdown_row(sources: Sources, nummer: str) -> str:
    mine = [row for row in rows(sources.tabelle) if nummer in row.nummern]
    rules = [f"`{row.regel.removeprefix('routing.')}`" for row in mine if row.regel]
    by_root: dict[str, list[str]] = {}
    for row in mine:
        for message in messages(sources, row):
            names = by_root.setdefault(message["wurzel"], [])
            names += [message["element"]] if message["element"] else []
    told = [f"`{root}`: {', '.join(names)}".removesuffix(": ") for root, names in by_root.items()]
    tests = [f"`{test.partition('::')[0]}`" for test in sources.tests.get(nummer, ())]
    cells = (nummer, _cell(rules), _cell(told), _cell(tests))
    return f"| {' | '.join(cells)} |"


def _cell(parts: Sequence[str]) -> str:
    return "<br>".join(dict.fromkeys(parts)) or "–"
