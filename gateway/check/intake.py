"""Bytes that claim to be XML become a tree, or a refusal that says how to mend them.

Promises: pure; nothing is fetched, no entity is expanded, no DOCTYPE survives, `xsi:schemaLocation` is never followed;
every size is bounded by a named limit, cheap bounds before a tree is built, exact ones after. Comments are dropped
while parsing and CDATA becomes text, so that an element's text is one piece for every later reader.
Fails: `Malformed` (400) for what is no XML of the kind we take, `TooLarge` (413) beyond a limit. Texts name places and
limits, never content.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from lxml import etree

from gateway.errors import Befund, Malformed, TooLarge

MAX_BYTES = 8 * 1024 * 1024
"""Size of the XML part (design.md section 3): files travel beside it, so a notice stays far below."""
MAX_ELEMENTS = 100_000
"""Elements in a message: a notice has some hundreds; each costs about a hundred bytes of memory and validator time."""
MAX_MARKUP = 3 * MAX_ELEMENTS
"""`<` signs, counted before the tree is built: two for an element, the rest for comments. Bounds the tree's memory."""
MAX_ATTRIBUTES = 2 * MAX_ELEMENTS
"""`=` signs outside the text cannot exceed this: bounds the attributes' memory before the tree is built."""
MAX_DEPTH = 64
"""Nesting: the deepest official XJustiz content model in use stays below 30; recursion in readers stays bounded."""
MAX_ATTRIBUTES_PER_ELEMENT = 32
"""The grammars know at most eight on one element; uniqueness checks and XPath cost grow with the number."""
MAX_TEXT = 1024 * 1024
"""Characters in one text or attribute value: facts are short, and what is long travels as a file."""
MAX_NAME = 200
"""Characters in a name: the longest official message name has 94."""


class Limit(NamedTuple):
    """One limit that is checked on the finished tree."""

    code: str
    possible: Callable[[bytes], object]
    """False where the bytes alone show that the limit is kept, so that ordinary messages pay almost nothing."""
    exceeded: etree.XPath
    """True where the tree exceeds the limit; evaluated in C."""
    text: str


_LONG_NAME = re.compile(rb"<[^\s<>/]{%d}" % (MAX_NAME + 1))
_NAME_TEXT = f"Ein Name ist länger als {MAX_NAME} Zeichen."
LIMITS = (
    Limit(
        "grenze_tiefe",
        lambda content: content.count(b"</") > MAX_DEPTH,
        etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")"),
        f"Das XML ist tiefer als {MAX_DEPTH} Ebenen geschachtelt.",
    ),
    Limit(
        "grenze_elemente",
        lambda content: content.count(b"<") > MAX_ELEMENTS,
        etree.XPath(f"count(//*) > {MAX_ELEMENTS}"),
        f"Das XML hat mehr als {MAX_ELEMENTS} Elemente.",
    ),
    Limit(
        "grenze_attribute",
        lambda content: content.count(b"=") > MAX_ATTRIBUTES_PER_ELEMENT,
        etree.XPath(f"boolean(//*/@*[{MAX_ATTRIBUTES_PER_ELEMENT + 1}])"),
        f"Ein Element hat mehr als {MAX_ATTRIBUTES_PER_ELEMENT} Attribute.",
    ),
    Limit(
        "grenze_text",
        lambda content: len(content) > MAX_TEXT,
        etree.XPath(f"boolean(//text()[string-length() > {MAX_TEXT}] | //@*[string-length() > {MAX_TEXT}])"),
        f"Ein Text ist länger als {MAX_TEXT} Zeichen; lange Inhalte bitte als Datei beifügen.",
    ),
    Limit(
        "grenze_name", _LONG_NAME.search, etree.XPath(f"boolean(//*[string-length(name()) > {MAX_NAME}])"), _NAME_TEXT
    ),
    Limit(
        "grenze_name",
        lambda content: len(content) > MAX_NAME,
        etree.XPath(f"boolean(//@*[string-length(name()) > {MAX_NAME}])"),
        _NAME_TEXT,
    ),
)

_OTHER_ENCODINGS = (
    codecs.BOM_UTF32_LE,
    codecs.BOM_UTF32_BE,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
    b"<\0",
    b"\0<",
    b"\0\0\0<",
)
_DECLARATION = re.compile(rb"<\?xml\s([^?]{0,200})\?>")
_PSEUDO = re.compile(rb"(version|encoding)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_PROLOG_SPACE = b" \t\r\n"
_PROCESSING_INSTRUCTION = etree.XPath("//processing-instruction()")

_SYNTAX_TEXTS: dict[int, str] = {
    etree.ErrorTypes.ERR_DOCUMENT_EMPTY: "Die Nachricht enthält kein XML.",
    etree.ErrorTypes.ERR_DOCUMENT_END: "Nach dem Ende des Wurzelelements folgt noch etwas; bitte entfernen.",
    etree.ErrorTypes.ERR_TAG_NAME_MISMATCH: "Start- und End-Tag passen nicht zusammen.",
    etree.ErrorTypes.ERR_TAG_NOT_FINISHED: "Ein Element ist nicht abgeschlossen; das XML ist vermutlich abgeschnitten.",
    etree.ErrorTypes.ERR_ATTRIBUTE_REDEFINED: "Ein Attribut steht zweimal an demselben Element.",
    etree.ErrorTypes.ERR_ATTRIBUTE_NOT_STARTED: "Ein Attributwert steht nicht in Anführungszeichen.",
    etree.ErrorTypes.ERR_LT_IN_ATTRIBUTE: "In einem Attributwert steht <; bitte als &lt; schreiben.",
    etree.ErrorTypes.ERR_INVALID_CHAR: "Hier steht ein Zeichen, das in XML nicht erlaubt ist.",
    etree.ErrorTypes.ERR_INVALID_CHARREF: "Eine Zeichenreferenz bezeichnet ein Zeichen, das in XML nicht erlaubt ist.",
    etree.ErrorTypes.ERR_NAME_REQUIRED: "Hier fehlt ein Name; steht ein & oder < im Text, bitte als &amp; oder &lt;.",
    etree.ErrorTypes.ERR_ENTITYREF_SEMICOL_MISSING: "Ein & im Text ist als &amp; zu schreiben.",
    etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE: "Ein Namensraum-Präfix ist nicht deklariert.",
}
_ENTITY_ERRORS = frozenset({etree.ErrorTypes.ERR_UNDECLARED_ENTITY, etree.ErrorTypes.WAR_UNDECLARED_ENTITY})


@dataclass(frozen=True, slots=True)
class Dokument:
    """A well-formed document within all limits; nothing is said yet about what it means."""

    root: etree._Element
    namensraum: str
    """Namespace of the root element, empty if it has none."""
    wurzel: str
    """Local name of the root element."""


def parse(xml: bytes) -> Dokument:
    """Read one XML part.

    Args:
        xml: the part as it came, byte order mark allowed.

    Returns:
        The tree, with the names of its root.

    Raises:
        Malformed: not UTF-8, not XML 1.0, a DOCTYPE, an entity, a processing instruction, not well-formed; the finding
            carries `zeile` and `spalte` of a syntax error.
        TooLarge: beyond a named limit.
    """
    if len(xml) > MAX_BYTES:
        raise TooLarge(
            f"Die XML-Nachricht ist größer als {MAX_BYTES // 1024 // 1024} MB; Dokumente bitte als Datei beifügen.",
            code="xml_zu_gross",
        )
    content = _utf8(xml)
    _refuse_doctype(content)
    _refuse_mass(content)
    root = _tree(content)
    for limit in LIMITS:
        if limit.possible(content) and limit.exceeded(root):
            raise TooLarge(limit.text, code=limit.code)
    name = etree.QName(root)
    return Dokument(root, name.namespace or "", name.localname)


def _utf8(xml: bytes) -> bytes:
    """The content without its byte order mark, once it is known to be UTF-8 and XML 1.0."""
    if xml.startswith(_OTHER_ENCODINGS):
        raise Malformed("Die Nachricht ist nicht in UTF-8 kodiert; bitte in UTF-8 senden.", code="kodierung")
    content = xml.removeprefix(codecs.BOM_UTF8)
    declaration = _DECLARATION.match(content)
    pseudo = {name: a or b for name, a, b in _PSEUDO.findall(declaration[1])} if declaration else {}
    if pseudo.get(b"encoding", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise Malformed("Die XML-Deklaration nennt eine andere Kodierung als UTF-8.", code="kodierung")
    if pseudo.get(b"version", b"1.0") != b"1.0":
        raise Malformed("Es wird XML 1.0 erwartet.", code="xml_version")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        text = "Hier stehen Bytes, die kein UTF-8 sind; bitte in UTF-8 senden."
        raise Malformed(text, Befund("kodierung", text, zeile=line), code="kodierung") from None
    return content


def _refuse_doctype(content: bytes) -> None:
    """Refuse a DOCTYPE before any XML parser sees it; one walk over the prolog, linear in its length."""
    at = 0
    while True:
        while content[at : at + 1] and content[at] in _PROLOG_SPACE:
            at += 1
        if content.startswith(b"<?", at):
            end = content.find(b"?>", at + 2)
        elif content.startswith(b"<!--", at):
            end = content.find(b"-->", at + 4)
        else:
            break
        if end < 0:
            return
        at = content.index(b">", end) + 1
    if not content.startswith(b"<!DOCTYPE", at):
        return
    if b"<!ENTITY" in content[at:]:
        raise Malformed("Die Nachricht definiert Entitäten; das ist nicht erlaubt.", code="entitaeten")
    raise Malformed("Die Nachricht enthält eine DOCTYPE-Deklaration; bitte entfernen.", code="doctype")


def _refuse_mass(content: bytes) -> None:
    """Refuse what would cost too much memory as a tree, by counting two signs."""
    if content.count(b"<") > MAX_MARKUP:
        raise TooLarge(f"Das XML hat mehr als {MAX_ELEMENTS} Elemente.", code="grenze_elemente")
    if content.count(b"=") > MAX_ATTRIBUTES:
        raise TooLarge(f"Das XML hat mehr als {MAX_ATTRIBUTES} Attribute.", code="grenze_attribute")


_PARSER = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    attribute_defaults=False,
    huge_tree=False,
    remove_comments=True,
    strip_cdata=True,
)


def _tree(content: bytes) -> etree._Element:
    """Parse with everything switched off that could reach beyond the bytes."""
    try:
        root: etree._Element = etree.fromstring(content, _PARSER)
    except etree.XMLSyntaxError as error:
        raise _malformed(error) from None
    if root.getroottree().docinfo.internalDTD is not None:  # cannot be after the prolog walk; a second lock
        raise Malformed("Die Nachricht enthält eine DOCTYPE-Deklaration; bitte entfernen.", code="doctype")
    if b"<?" in content.removeprefix(b"<?xml ") and _PROCESSING_INSTRUCTION(root):
        raise Malformed(
            "Die Nachricht enthält eine Verarbeitungsanweisung (<?…?>); bitte entfernen.",
            code="verarbeitungsanweisung",
        )
    return root


def _malformed(error: etree.XMLSyntaxError) -> Malformed:
    """A syntax error as a refusal with its place, without the parser's own text (it may quote content)."""
    if error.code in _ENTITY_ERRORS:
        code = "entitaeten"
        text = "Die Nachricht verwendet eine unbekannte Entität; erlaubt sind nur &amp; &lt; &gt; &apos; &quot;."
    else:
        code = "kein_xml"
        text = _SYNTAX_TEXTS.get(error.code, "Das XML ist an dieser Stelle nicht wohlgeformt.")
    line, column = error.position
    finding = Befund(code, text, zeile=line or None, spalte=column or None)
    return Malformed("Die Nachricht ist kein wohlgeformtes XML.", finding, code=code)
