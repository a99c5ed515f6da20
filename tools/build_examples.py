"""Writes the examples of every Anlass into schemas/beispiele/<anlass>/: one valid message, and messages with one fault.

The valid ones are composed by the project's own composer from tools/beispiele/gueltig.toml; the faulty ones are those
with one change each, from tools/beispiele/fehler.toml, named by their fault, with a comment that says what is wrong.

    python tools/build_examples.py            writes; removes examples that are in no list
    python tools/build_examples.py --check    writes nothing, names files that are not current, exit 1 if there are any

Promises: the same input gives the same bytes. Fails: `ValueError` for a list that asks for the impossible.
"""

from __future__ import annotations

import sys
import tomllib
import uuid
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lxml import etree  # noqa: E402 - the project's root must be importable first

from gateway.check.compose import Datei, NoticeHead, Person  # noqa: E402
from gateway.check.compose_any import compose_any  # noqa: E402
from gateway.route.resources import packaged_directory  # noqa: E402
from routing.sachverhalt import ANLAESSE, Sachverhalt  # noqa: E402

LISTS = ROOT / "tools" / "beispiele"
TARGET = ROOT / "schemas" / "beispiele"
NAMES = uuid.UUID("0b6f6d0e-52b9-4c54-9d3e-0c1a5a1f2b00")
MADE = datetime(2026, 10, 5, 10, 30, tzinfo=timezone(timedelta(hours=2)))
AZR = "210417123456"
PERSON = Person("Beispielová", "Élodie Šárka", "1991-04-17", staatsangehoerigkeit="163")
NUMBERS = {
    "pol": "703000-123456-26/1",
    "gds:R8": "4511 E 77/26",
    "gds": "111 Js 1/26",
    "abh": "332-AE 4711/26",
    "bamf": "2026-4711",
}
"""Aktenzeichen by how the key of their authority begins, the longest first."""
FILE = "DATEI"
"""Stands in the list for the id of the example's document."""


def identity(anlass: str, what: str = "nachricht") -> str:
    """The UUID of an example or of something in it, always the same."""
    return str(uuid.uuid5(NAMES, f"{anlass}/{what}"))


def file_number(key: str) -> str:
    """Aktenzeichen that an authority uses in the examples."""
    return next(number for prefix, number in NUMBERS.items() if key.startswith(prefix))


def read(name: str) -> dict[str, Any]:
    """One of the lists."""
    return tomllib.loads((LISTS / name).read_text(encoding="utf-8"))


def valid(anlass: str, entry: Mapping[str, Any]) -> bytes:
    """The valid example of an Anlass."""
    recipient = entry.get("empfaenger")
    facts = Sachverhalt.from_json(
        {"anlass": anlass, "absender": entry["absender"], **_days(entry.get("sachverhalt", {}))}
    )
    head = NoticeHead(
        eigene_id=identity(anlass),
        erstellt=MADE,
        empfaenger=recipient,
        aktenzeichen=file_number(entry["absender"]),
        aktenzeichen_empfaenger=file_number(recipient) if recipient and "zu" in entry else None,
        fremde_id=identity(entry["zu"]) if "zu" in entry else None,
        azr_nummer=AZR,
    )
    document = identity(anlass, "dokument")
    files = (
        [Datei(f"{entry['datei']}_{identity(anlass, 'datei')}.pdf", document, entry["datei"])]
        if "datei" in entry
        else []
    )
    return compose_any(facts, head, PERSON, files, _with_document(entry.get("mehr", {}), document), name_of)


def name_of(key: str) -> str:
    """Name of an authority in the packaged directory."""
    found = packaged_directory().behoerde(key)
    return found.name if found else key


def _days(facts: Any) -> Any:
    """Facts as JSON has them: days as texts."""
    if isinstance(facts, Mapping):
        return {key: _days(value) for key, value in facts.items()}
    if isinstance(facts, list):
        return [_days(value) for value in facts]
    return facts.isoformat() if isinstance(facts, date) else facts


def _with_document(details: Any, document: str) -> Any:
    """Details with the id of the example's document in its place."""
    if isinstance(details, Mapping):
        return {key: _with_document(value, document) for key, value in details.items()}
    return document if details == FILE else details


def faulty(anlass: str, fault: Mapping[str, Any], content: bytes) -> bytes:
    """A valid example with one change, and a comment on top that says what is wrong."""
    root = etree.fromstring(content, etree.XMLParser(remove_blank_text=True))
    occasion = _find(root, "fachdaten/auswahl_anlass")[0]
    _change(root, occasion, fault)
    sentence = f" Falsch: {fault['falsch']} [{fault['code']}{'/' + fault['befund'] if 'befund' in fault else ''}] "
    if "--" in sentence:
        raise ValueError(f"{anlass}/{fault['name']}: a comment cannot hold two hyphens")
    root.addprevious(etree.Comment(sentence))
    tree = root.getroottree()
    etree.indent(tree)
    return etree.tostring(tree, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _change(root: etree._Element, occasion: etree._Element, fault: Mapping[str, Any]) -> None:
    """The one change: `weg`, `setze` with `wert`, `dazu` with `wert`, or `anlass`."""
    if "weg" in fault:
        node = _place(root, occasion, fault["weg"])
        parent = node.getparent()
        if parent is None:
            raise ValueError(f"{fault['name']}: the root cannot be taken away")
        parent.remove(node)
    elif "setze" in fault:
        _place(root, occasion, fault["setze"]).text = fault["wert"]
    elif "dazu" in fault:
        node = etree.Element(_named(occasion, fault["dazu"]))
        node.text = fault["wert"]
        place = occasion.index(_find(occasion, fault["vor"])) if "vor" in fault else len(occasion)
        occasion.insert(0 if fault.get("zuerst") else place, node)
    else:
        occasion.tag = _named(occasion, fault["anlass"])


def _named(like: etree._Element, name: str) -> str:
    """A name in the namespace of another element."""
    namespace = etree.QName(like).namespace
    return f"{{{namespace}}}{name}" if namespace else name


def _place(root: etree._Element, occasion: etree._Element, path: str) -> etree._Element:
    """The element at a path: below the Anlass, or from the root if it begins with a slash."""
    return _find(root, path[1:]) if path.startswith("/") else _find(occasion, path)


def _find(start: etree._Element, path: str) -> etree._Element:
    """The first element at a path of local names."""
    found = start.find("/".join("{*}" + step for step in path.split("/")))
    if found is None:
        raise ValueError(f"no element {path} in {etree.QName(start).localname}")
    return found


def wanted() -> dict[Path, bytes]:
    """Every file with its content."""
    entries = read("gueltig.toml")
    if tuple(sorted(entries)) != tuple(sorted(ANLAESSE)):
        raise ValueError("gueltig.toml must hold every Anlass, and nothing else")
    files = {TARGET / anlass / "gueltig.xml": valid(anlass, entry) for anlass, entry in entries.items()}
    for anlass, fault in faults():
        path = TARGET / anlass / f"{fault['name']}.xml"
        if path in files:
            raise ValueError(f"{path.relative_to(TARGET)} stands in the list twice")
        files[path] = faulty(anlass, fault, files[TARGET / anlass / "gueltig.xml"])
    return files


def faults() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each Anlass with each of its faults."""
    for fault in read("fehler.toml")["fehler"]:
        for anlass in ANLAESSE if fault["anlaesse"] == ["*"] else fault["anlaesse"]:
            yield anlass, fault


def present() -> set[Path]:
    """The examples that are there, of every Anlass."""
    return {path for anlass in ANLAESSE for path in (TARGET / anlass).glob("*.xml")}


def main(arguments: list[str]) -> int:
    """Write, or with `--check` compare."""
    files = wanted()
    stale = [path for path, content in files.items() if not path.is_file() or path.read_bytes() != content]
    stale += sorted(present() - set(files))
    if "--check" in arguments:
        for path in stale:
            print(path.relative_to(ROOT))
        return 1 if stale else 0
    for path in present() - set(files):
        path.unlink()
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
