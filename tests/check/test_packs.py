"""Installing packs: hostile archives are refused, nothing is half installed."""

import io
import stat
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from gateway.check import packs
from gateway.check.packs import PackRefused, collected, described, from_zip
from gateway.check.resources import SchemaMissing, SchemaStore, install, installed_packs, read_pack

FIRST = date(2026, 1, 1)

HEAD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="http://www.xjustiz.de"
    targetNamespace="http://www.xjustiz.de" elementFormDefault="qualified">
  {more}
  <xs:complexType name="Type.GDS.Nachrichtenkopf">
    <xs:attribute name="xjustizVersion" type="xs:string" use="required" fixed="{version}"/>
  </xs:complexType>
  <xs:element name="nachricht.a.0000001"><xs:complexType><xs:sequence>
    <xs:element name="nachrichtenkopf" type="Type.GDS.Nachrichtenkopf"/>{inside}
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""


def schema(version: str = "9.9.9", more: str = "", inside: str = "") -> bytes:
    return HEAD.format(version=version, more=more, inside=inside).encode()


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return stream.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def encrypted() -> bytes:
    content = bytearray(zipped(("a.xsd", schema())))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"PK\x03\x04 and nothing else",
        zipped(("a.xsd", schema()))[:-30],
        zipped(("../a.xsd", schema())),
        zipped(("x/../../a.xsd", schema())),
        zipped(("/etc/a.xsd", schema())),
        zipped(("C:/a.xsd", schema())),
        zipped(("x\\a.xsd", schema())),
        zipped((link("a.xsd"), b"/etc/passwd")),
        zipped((link("elsewhere"), b"/etc"), ("a.xsd", schema())),
        encrypted(),
        zipped(("x/a.xsd", schema()), ("y/a.xsd", schema("9.9.8"))),
        zipped(("a.xsd", b" " * (packs.MAX_RATIO * 10 * 1024 * 10))),
        zipped((".xsd", schema())),
        zipped(("a\n.xsd", schema())),
    ],
)
def test_hostile_archives_are_refused(archive: bytes) -> None:
    with pytest.raises(PackRefused) as caught:
        from_zip(archive)
    assert str(caught.value).endswith(".")


def test_limits_of_count_and_size_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "MAX_ENTRIES", 2)
    with pytest.raises(PackRefused, match="2 Einträge"):
        from_zip(zipped(*((f"{n}.txt", b"") for n in range(3))))
    monkeypatch.setattr(packs, "MAX_ZIP", 10)
    with pytest.raises(PackRefused, match="größer"):
        from_zip(zipped(("a.xsd", schema())))
    monkeypatch.setattr(packs, "MAX_TOTAL", 10)
    with pytest.raises(PackRefused, match="größer"):
        collected([("a.xsd", schema())])


def test_a_lying_size_in_the_header_is_found_while_reading() -> None:
    content = bytearray(zipped(("a.xsd", b"x" * 3_000_000)))
    central = content.index(b"PK\x01\x02")
    content[22:26] = content[central + 24 : central + 28] = (10).to_bytes(4, "little")
    with pytest.raises(PackRefused):
        from_zip(bytes(content))


def test_only_xsd_files_are_taken_from_any_folder_of_the_archive() -> None:
    archive = zipped(("doc/lies.pdf", b"%PDF"), ("xsd/", b""), ("xsd/a.xsd", schema()), ("run.sh", b"#!"))
    assert list(from_zip(archive)) == ["a.xsd"]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"a.xsd": b"<a/>"},
        {"a.xsd": b"not xml"},
        {"a.xsd": b"<!DOCTYPE a [<!ENTITY x 'y'>]>" + schema()},
        {"a.xsd": schema("3.6")},
        {"a.xsd": schema("../../9.9.9")},
        {"a.xsd": schema().replace(b"http://www.xjustiz.de", b"urn:other")},
        {"a.xsd": schema().replace(b"nachricht.a.0000001", b"irgendwas")},
        {"a.xsd": schema("9.9.9"), "b.xsd": schema("9.9.8")},
    ],
)
def test_what_is_no_single_xjustiz_version_is_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(PackRefused):
        described(files)


def test_the_version_is_read_from_the_schema_not_from_the_file_name() -> None:
    pack = described({"xjustiz_1_2_3.xsd": schema("9.9.9")})
    assert (pack.name, pack.muster, dict(pack.wurzeln)) == (
        "xjustiz-9.9.9",
        r"9\.9\.9",
        {"nachricht.a.0000001": "xjustiz_1_2_3.xsd"},
    )


@pytest.mark.parametrize(
    "reference",
    [
        '<xs:include schemaLocation="missing.xsd"/>',
        '<xs:include schemaLocation="../outside.xsd"/>',
        '<xs:include schemaLocation="file:///etc/passwd"/>',
        '<xs:import namespace="urn:n" schemaLocation="http://127.0.0.1:1/n.xsd"/>',
    ],
)
def test_a_schema_reaches_nothing_outside_its_pack(reference: str, tmp_path: Path) -> None:
    outside = schema().replace(b"Type.GDS.Nachrichtenkopf", b"T").replace(b"nachricht.a", b"nachricht.b")
    (tmp_path / "outside.xsd").write_bytes(outside)
    inside = '<xs:element xmlns:n="urn:n" ref="n:x"/>' if "urn:n" in reference else ""
    pack = described({"a.xsd": schema(more=reference, inside=inside)})
    with pytest.raises(PackRefused, match="übersetzen"):
        install(pack, tmp_path / "packs", FIRST, None)
    assert list((tmp_path / "packs").iterdir()) == []


def test_a_pack_is_replaced_in_one_step_and_its_predecessor_stays_readable(tmp_path: Path) -> None:
    first, second, third = (
        described({"a.xsd": schema(inside=f'<xs:element name="x{n}" type="xs:string"/>')}) for n in range(3)
    )
    folders = [install(pack, tmp_path, FIRST, None) for pack in (first, second)]
    assert [folder.is_dir() for folder in folders] == [True, True]
    assert [Path(pack.ort) for pack in installed_packs(tmp_path)] == [folders[1].resolve()]
    install(third, tmp_path, FIRST, None)
    assert [folder.is_dir() for folder in folders] == [False, True]
    assert len(installed_packs(tmp_path)) == 1


def test_a_damaged_index_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "xjustiz-9.9.9.pack.json").write_text("{")
    with pytest.raises(SchemaMissing, match=r"xjustiz-9\.9\.9"):
        SchemaStore(tmp_path).catalogue()


def test_a_missing_packs_folder_means_that_nothing_is_installed(tmp_path: Path) -> None:
    assert installed_packs(tmp_path / "nothing") == []


def test_links_in_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xsd").write_bytes(schema())
    (tmp_path / "b.xsd").symlink_to("/etc/passwd")
    with pytest.raises(PackRefused):
        read_pack(tmp_path)


@pytest.mark.parametrize("version", ["3.6.2", "4.0.0"])
def test_the_official_packs_install_and_every_root_compiles(version: str, official: Callable[..., object]) -> None:
    checker = official(version)
    names = {pack.name: pack for pack in checker.catalogue.packs}
    assert len(names[f"xjustiz-{version}"].wurzeln) > 100
