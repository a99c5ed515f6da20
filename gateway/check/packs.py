"""An official XJustiz pack as its files: taken from a ZIP or a folder's content, and described.

Promises: pure (bytes in, values out). A ZIP is hostile until read: names, kinds, counts, sizes and ratios are bounded,
and sizes are measured while reading, never believed. Only `*.xsd` is taken. The version is what the XSD itself demands
of a message, so nothing is taken from file names.
Fails: `PackRefused` with a German sentence for the operator.
"""

from __future__ import annotations

import hashlib
import io
import re
import stat
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lxml import etree

NAMESPACE = "http://www.xjustiz.de"
"""Target namespace of XJustiz in every version."""
MAX_ZIP = 64 * 1024 * 1024
"""Bytes of the ZIP itself; the official ones have below 10 MB, documentation included."""
MAX_ENTRIES = 2_000
"""Entries of a ZIP or folder; XJustiz has about 80 schema files."""
MAX_FILE = 16 * 1024 * 1024
"""Bytes of one XSD; the largest official one has 0.5 MB."""
MAX_TOTAL = 96 * 1024 * 1024
"""Bytes of all XSDs; the official packs have 3 MB."""
MAX_RATIO = 100
"""Unpacked to packed size of one file; XSDs reach about 20."""
MAX_PATTERN = 200
"""Characters of a version pattern: it becomes a regular expression here."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,199}\.xsd")
_VERSION = re.compile(r"(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})")
_PATTERN = re.compile(r"[0-9d\\.()|\[\]*+?-]+")
_XS = {"xs": "http://www.w3.org/2001/XMLSchema"}


class PackRefused(Exception):
    """Das Schemapaket kann nicht übernommen werden."""


@dataclass(frozen=True, slots=True)
class PackFiles:
    """The files of one pack and what they say about themselves."""

    version: str
    muster: str
    """Pattern of the versions that messages may name."""
    wurzeln: Mapping[str, str]
    """Local name of each message root, with the file that declares it."""
    files: Mapping[str, bytes]

    @property
    def name(self) -> str:
        """The pack's name, `xjustiz-3.6.2`."""
        return f"xjustiz-{self.version}"

    @property
    def sha256(self) -> str:
        """One digest over all files, independent of their order."""
        digest = hashlib.sha256()
        for name in sorted(self.files):
            digest.update(name.encode() + b"\0" + hashlib.sha256(self.files[name]).digest())
        return digest.hexdigest()


def from_zip(content: bytes) -> dict[str, bytes]:
    """The schema files of a ZIP, by bare name.

    Raises:
        PackRefused: not a ZIP, or one that no honest packer makes: absolute or climbing paths, links, encryption, too
            many entries, too large, too well compressed, two files of one name.
    """
    if len(content) > MAX_ZIP:
        raise PackRefused(f"Die ZIP-Datei ist größer als {MAX_ZIP // 1024 // 1024} MB.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ENTRIES:
                raise PackRefused(f"Die ZIP-Datei hat mehr als {MAX_ENTRIES} Einträge.")
            for entry in entries:
                _refuse_entry(entry)
            wanted = [entry for entry in entries if not entry.is_dir() and entry.filename.lower().endswith(".xsd")]
            return collected((entry.filename, _read(archive, entry)) for entry in wanted)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise PackRefused("Die Datei ist keine lesbare ZIP-Datei.") from error


def _refuse_entry(entry: zipfile.ZipInfo) -> None:
    """Refuse an entry that could write elsewhere or that cannot be read openly."""
    parts = entry.filename.split("/")
    if entry.filename.startswith("/") or ".." in parts or "\\" in entry.filename or ":" in entry.filename:
        raise PackRefused("Die ZIP-Datei enthält einen Pfad, der aus ihr hinausführt.")
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise PackRefused("Die ZIP-Datei enthält einen Verweis oder eine Sonderdatei.")
    if entry.flag_bits & 0x1:
        raise PackRefused("Die ZIP-Datei ist verschlüsselt.")


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """One entry's content, measured while it is read."""
    limit = min(MAX_FILE, MAX_RATIO * max(entry.compress_size, 1024))
    with archive.open(entry) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise PackRefused("Eine Datei im ZIP ist zu groß oder verdächtig stark komprimiert.")
    return content


def collected(entries: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Files by bare name, within the limits of count and size.

    Raises:
        PackRefused: a limit, a strange name, or one name twice with different content.
    """
    files: dict[str, bytes] = {}
    total = 0
    for path, content in entries:
        name = path.rpartition("/")[2]
        total += len(content)
        if not _NAME.fullmatch(name):
            raise PackRefused("Ein Dateiname im Paket ist ungewöhnlich; erwartet werden Namen wie xjustiz_0000_….xsd.")
        if len(content) > MAX_FILE or total > MAX_TOTAL or len(files) >= MAX_ENTRIES:
            raise PackRefused("Das Paket ist größer, als XJustiz-Schemata es sind.")
        if files.get(name, content) != content:
            raise PackRefused(f"Das Paket enthält {name} zweimal mit verschiedenem Inhalt.")
        files[name] = content
    return files


def described(files: Mapping[str, bytes]) -> PackFiles:
    """What a set of XSD files is.

    Raises:
        PackRefused: no XSD, not XJustiz, or the version cannot be read from `Type.GDS.Nachrichtenkopf`.
    """
    if not files:
        raise PackRefused("Es wurden keine XSD-Dateien gefunden.")
    trees = {name: _schema_tree(name, content) for name, content in sorted(files.items())}
    own = {name: tree for name, tree in trees.items() if tree.get("targetNamespace") == NAMESPACE}
    versions = {found for tree in own.values() if (found := _version(tree, own.values())) is not None}
    if len(versions) != 1:
        raise PackRefused(
            "Die Version ist aus den XSD-Dateien nicht eindeutig zu erkennen; liegt genau eine XJustiz-Version vor?"
        )
    version, muster = versions.pop()
    roots = {
        str(element.get("name")): name
        for name, tree in own.items()
        for element in tree.findall("xs:element", _XS)
        if str(element.get("name")).startswith("nachricht.")
    }
    if not roots:
        raise PackRefused("Die XSD-Dateien deklarieren keine Nachrichten.")
    return PackFiles(version, muster, roots, files)


def _schema_tree(name: str, content: bytes) -> etree._Element:
    """One XSD as a tree, read as carefully as a message."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise PackRefused(f"{name} ist kein wohlgeformtes XML (Zeile {error.lineno}).") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise PackRefused(f"{name} enthält eine DOCTYPE-Deklaration.")
    if root.tag != f"{{{_XS['xs']}}}schema":
        raise PackRefused(f"{name} ist kein XML-Schema.")
    return root


def _version(tree: etree._Element, all_trees: Iterable[etree._Element]) -> tuple[str, str] | None:
    """Version and pattern that the message head in this file demands; None if this file has no message head."""
    attribute = tree.find("xs:complexType[@name='Type.GDS.Nachrichtenkopf']/xs:attribute[@name='xjustizVersion']", _XS)
    if attribute is None:
        return None
    fixed = attribute.get("fixed")
    if fixed is not None:
        return (fixed, re.escape(fixed)) if _VERSION.fullmatch(fixed) else None
    type_name = str(attribute.get("type")).rpartition(":")[2]
    path = f"xs:simpleType[@name='{type_name}']/xs:restriction/xs:pattern"
    patterns = [str(found.get("value")) for other in all_trees for found in other.findall(path, _XS)]
    stated = tree.findtext("xs:annotation/xs:appinfo//version", namespaces=_XS) or tree.get("version") or ""
    if len(patterns) != 1 or len(patterns[0]) > MAX_PATTERN or not _PATTERN.fullmatch(patterns[0]):
        return None
    return (stated, patterns[0]) if _VERSION.fullmatch(stated) and re.fullmatch(patterns[0], stated) else None
