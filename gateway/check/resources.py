"""Schema files on disk: the packaged ones, and the official packs that an operator installed.

Promises: reads only below the package `schemas` and the packs folder; an XSD can include nothing outside its own root
folder and nothing from the network. A pack becomes visible in one atomic step and is compiled before; the files of its
predecessor stay until the next installation, so that a running gateway can go on reading them.
Fails: `PackRefused` for a pack that cannot be taken, `SchemaMissing` for files that were there and are gone.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lxml import etree

from gateway.check.catalogue import Catalogue, Pack, merged
from gateway.check.mistra import Zuordnung
from gateway.check.packs import (
    MAX_ENTRIES,
    MAX_FILE,
    MAX_ZIP,
    NAMESPACE,
    PackFiles,
    PackRefused,
    collected,
    described,
    from_zip,
)
from schemas import KATALOG, MISTRA_MAPPING

_INDEX_SUFFIX = ".pack.json"


class SchemaMissing(Exception):
    """Eine Schemadatei fehlt oder ist beschädigt."""


class _OnlyBelow(etree.Resolver):
    """Lets includes and imports reach files below one folder, and nothing else."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder.resolve()

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:  # noqa: ARG002 - lxml's
        """Gives the file, or an empty string that no schema accepts."""
        system_url = system_url or ""
        parts = urlsplit(system_url)
        path = Path(unquote(parts.path if parts.scheme == "file" else system_url)).resolve()
        if parts.scheme not in ("", "file") or not path.is_relative_to(self._folder) or not path.is_file():
            return self.resolve_string("", context)
        return self.resolve_filename(str(path), context)


def compiled(path: Path, below: Path) -> etree.XMLSchema:
    """Compile one XSD with everything that it includes from below one folder.

    Raises:
        SchemaMissing: the file is not there or does not compile; the text is libxml2's.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    parser.resolvers.add(_OnlyBelow(below))
    try:
        return etree.XMLSchema(etree.parse(str(path), parser))
    except (OSError, etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        raise SchemaMissing(f"{path.name}: {error}") from error


@dataclass(frozen=True, slots=True)
class Schema:
    """One compiled XSD and where it lies."""

    xsd: Path
    compiled: etree.XMLSchema


class SchemaStore:
    """Compiled schemas, each loaded when first needed and kept."""

    def __init__(self, packs_folder: Path | None = None) -> None:
        self._packs_folder = packs_folder
        self._of_file: dict[str, Schema] = {}
        self._of_root: dict[tuple[str, str], Schema] = {}

    def catalogue(self, ueberlappung_tage: int | None = None, vorschau: Iterable[str] = ()) -> Catalogue:
        """The catalogue of everything that is packaged or installed.

        Args:
            ueberlappung_tage: how long a version is taken after its last day; None takes the packaged setting.
            vorschau: names of packs that are taken before their first day.

        Raises:
            SchemaMissing: an index is damaged.
        """
        installed = installed_packs(self._packs_folder) if self._packs_folder else []
        days = _catalogue_file()["ueberlappung_tage"] if ueberlappung_tage is None else ueberlappung_tage
        return merged([*packaged_packs(), *installed], timedelta(days=days), frozenset(vorschau))

    def schema(self, pack: Pack, wurzel: str) -> Schema:
        """The schema that declares this root.

        Raises:
            SchemaMissing: the file is gone or damaged.
        """
        known = self._of_root.get((pack.name, wurzel))
        if known is None:
            known = self._of_root[pack.name, wurzel] = self._load(pack, pack.wurzeln[wurzel])
        return known

    def _load(self, pack: Pack, file: str) -> Schema:
        """One file, compiled once however many roots it declares."""
        xsd = Path(pack.ort) / file
        if str(xsd) not in self._of_file:
            self._of_file[str(xsd)] = Schema(xsd, compiled(xsd, Path(pack.ort)))
        return self._of_file[str(xsd)]


def mistra_mapping(path: Path | None = None) -> Zuordnung:
    """The mapping of the official MiStra notice: the operator's file, or the packaged one.

    Raises:
        SchemaMissing: the file is not there, no TOML or no mapping.
    """
    file = path or packaged_folder() / MISTRA_MAPPING
    try:
        return Zuordnung.from_toml(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SchemaMissing(f"{file}: die Zuordnung ist nicht zu verwenden: {reason}") from error


def packaged_folder() -> Path:
    """The folder of the package `schemas`."""
    return Path(str(files("schemas")))


def _catalogue_file() -> dict[str, Any]:
    """The packaged catalogue, as schemas/__init__.py describes it."""
    return tomllib.loads((packaged_folder() / KATALOG).read_text(encoding="utf-8"))


def official_validity() -> dict[str, tuple[date, date | None]]:
    """Known validity of official XJustiz versions by pack name, from the packaged catalogue."""
    official = [entry for entry in _catalogue_file()["pack"] if entry["familie"] == "xjustiz"]
    return {entry["name"]: (entry["gueltig_ab"], entry.get("gueltig_bis")) for entry in official}


def packaged_packs() -> list[Pack]:
    """Our own families, from the packaged catalogue."""
    return [_packaged(entry) for entry in _catalogue_file()["pack"] if "einstieg" in entry]


def _packaged(entry: dict[str, Any]) -> Pack:
    """One pack of our own."""
    return Pack(
        name=entry["name"],
        familie=entry["familie"],
        namensraum=entry["namensraum"],
        version=entry["fassung"],
        muster=entry["versionsmuster"],
        ab=entry["gueltig_ab"],
        bis=entry.get("gueltig_bis"),
        ort=str(packaged_folder()),
        wurzeln={message["wurzel"]: entry["einstieg"] for message in entry["nachricht"]},
    )


def installed_packs(folder: Path) -> list[Pack]:
    """The official packs in a folder, none if the folder is not there.

    Raises:
        SchemaMissing: an index cannot be read.
    """
    return [_installed(index) for index in sorted(folder.glob(f"*{_INDEX_SUFFIX}"))]


def _installed(index: Path) -> Pack:
    """One pack from its index."""
    try:
        data = json.loads(index.read_text(encoding="utf-8"))
        return Pack(
            name=data["name"],
            familie="xjustiz",
            namensraum=NAMESPACE,
            version=data["version"],
            muster=data["muster"],
            ab=date.fromisoformat(data["ab"]),
            bis=date.fromisoformat(data["bis"]) if data["bis"] else None,
            ort=str(index.parent.resolve() / data["ordner"]),
            wurzeln=data["wurzeln"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SchemaMissing(f"{index.name}: das Verzeichnis des Pakets ist beschädigt") from error


def read_pack(source: Path) -> PackFiles:
    """Read a pack from a ZIP file or a folder.

    Raises:
        PackRefused: see `packs`; or the source is neither.
    """
    if source.is_dir():
        return described(collected(_folder_entries(source)))
    if not source.is_file():
        raise PackRefused("Angegeben werden muss ein Ordner mit XSD-Dateien oder eine ZIP-Datei.")
    if source.stat().st_size > MAX_ZIP:
        raise PackRefused(f"Die ZIP-Datei ist größer als {MAX_ZIP // 1024 // 1024} MB.")
    return described(from_zip(source.read_bytes()))


def _folder_entries(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The schema files of a folder; links are not followed."""
    for number, path in enumerate(sorted(folder.rglob("*.xsd"))):
        if number >= MAX_ENTRIES:
            raise PackRefused(f"Der Ordner hat mehr als {MAX_ENTRIES} Schemadateien.")
        if path.is_symlink() or not path.is_file():
            raise PackRefused("Der Ordner enthält einen Verweis oder eine Sonderdatei.")
        if path.stat().st_size > MAX_FILE:
            raise PackRefused("Eine Datei ist größer, als XJustiz-Schemata es sind.")
        yield path.name, path.read_bytes()


def install(
    pack: PackFiles, folder: Path, ab: date, bis: date | None, progress: Callable[[str], None] = lambda _: None
) -> Path:
    """Put a pack into the packs folder, or replace it, in one atomic step.

    Args:
        pack: what `read_pack` gave.
        folder: the packs folder; made if missing.
        ab: first day of validity.
        bis: last day, None while open.
        progress: told the name of each file before it is compiled.

    Returns:
        The folder of the XSD files.

    Raises:
        PackRefused: a file does not compile; nothing was changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / f"{pack.name}{_INDEX_SUFFIX}"
    target = folder / f"{pack.name}-{pack.sha256[:12]}"
    if not target.is_dir():
        with tempfile.TemporaryDirectory(prefix=".neu-", dir=folder) as name:
            fresh = Path(name) / "xsd"
            fresh.mkdir()
            for file_name, content in pack.files.items():
                _write_durably(fresh / file_name, content)
            _compile_all(pack, fresh, progress)
            fresh.rename(target)
    _sweep(folder, pack.name, {target, _current(index)})
    entry = {
        "name": pack.name,
        "version": pack.version,
        "muster": pack.muster,
        "ab": ab.isoformat(),
        "bis": bis.isoformat() if bis else None,
        "ordner": target.name,
        "sha256": pack.sha256,
        "wurzeln": dict(pack.wurzeln),
    }
    fresh_index = folder / f".{index.name}.neu"
    _write_durably(fresh_index, json.dumps(entry, ensure_ascii=False, indent=1).encode())
    fresh_index.replace(index)
    return target


def _compile_all(pack: PackFiles, folder: Path, progress: Callable[[str], None]) -> None:
    """Compile every file that declares messages."""
    for name in sorted(set(pack.wurzeln.values())):
        progress(name)
        try:
            compiled(folder / name, folder)
        except SchemaMissing as error:
            raise PackRefused(f"Ein Schema lässt sich nicht übersetzen: {error}") from error


def _current(index: Path) -> Path | None:
    """The folder that the present index names."""
    try:
        return Path(_installed(index).ort)
    except SchemaMissing:
        return None


def _sweep(folder: Path, name: str, keep: set[Path | None]) -> None:
    """Remove the folders of earlier installations of this pack, but not what the present index names."""
    kept = {path.resolve() for path in keep if path is not None}
    for path in folder.glob(f"{name}-*"):
        if path.is_dir() and not path.is_symlink() and path.resolve() not in kept:
            shutil.rmtree(path)


def _write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
