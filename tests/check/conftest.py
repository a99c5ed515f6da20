"""Checkers on the real schemas, and notices to break."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from gateway.check.checker import Checker
from gateway.check.compose import Datei, NoticeHead, Person
from gateway.check.explain_worker import Explainer
from gateway.check.resources import SchemaStore, install, official_validity, packaged_folder, read_pack
from gateway.route.resources import packaged_directory
from routing.verzeichnis import Verzeichnis

SHARED = Path(__file__).parents[3] / "shared" / "xjustiz"
TODAY = date(2026, 11, 22)
ID = "0b6f6d0e-52b9-4c54-9d3e-0c1a5a1f2b01"
OTHER_ID = "5f2c1d9a-7d0e-4a67-8f53-2f1e3d4c5b6a"
FILE = "Mitteilung_9a3f0c52-1b7e-4d6a-8c90-6e5d4c3b2a10.pdf"


def official_source(version: str) -> Path:
    """The official XSDs of a version: from ../shared, else from the package openXJV; else the test is skipped."""
    shared = SHARED / version
    if shared.is_dir():
        return shared
    if SHARED.parent.is_dir():
        pytest.fail(f"{shared} is missing although its neighbours are there")
    spec = importlib.util.find_spec("openXJV")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found = Path(folder) / "bin" / "schemata" / f"XJustiz_{version.replace('.', '_')}_XSD" / "XJustiz_XSD"
        if found.is_dir():
            return found
    pytest.skip(f"the official XJustiz {version} is neither in ../shared nor in the package openXJV")


@pytest.fixture(scope="session")
def directory() -> Verzeichnis:
    return packaged_directory()


@pytest.fixture(scope="session")
def explainer() -> Iterator[Explainer]:
    shared = Explainer(limit_seconds=60)  # no test waits for it; a slow machine must not turn sentences into rule names
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def checker(directory: Verzeichnis, explainer: Explainer) -> Checker:
    store = SchemaStore()
    return Checker(store.catalogue(), directory, store=store, explainer=explainer)


@pytest.fixture(scope="session")
def official(
    directory: Verzeichnis, explainer: Explainer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Checker]:
    """A checker with one official version installed."""
    made: dict[tuple[str, bool], Checker] = {}

    def make(version: str, vorschau: bool = False) -> Checker:
        if (version, vorschau) not in made:
            pack = read_pack(official_source(version))
            folder = tmp_path_factory.mktemp("packs")
            install(pack, folder, *official_validity()[pack.name])
            store = SchemaStore(folder)
            catalogue = store.catalogue(vorschau=[pack.name] if vorschau else [])
            made[version, vorschau] = Checker(catalogue, directory, store=store, explainer=explainer)
        return made[version, vorschau]

    return make


@pytest.fixture
def person() -> Person:
    return Person("Przykładowski", "Tomasz", "1988-11", staatsangehoerigkeit="423")


@pytest.fixture
def head() -> NoticeHead:
    return NoticeHead(ID, datetime(2026, 11, 22, 9, 30, tzinfo=UTC), aktenzeichen="4511 E 77/26")


@pytest.fixture
def datei() -> Datei:
    return Datei(FILE, OTHER_ID, "Mitteilung")


@pytest.fixture(scope="session")
def notice() -> str:
    """A valid notice with one file and an AZR-Nummer, as text to break."""
    return (packaged_folder() / "beispiele" / "mitteilung-2.1.xml").read_text(encoding="utf-8")
