"""Messages to render: every shipped example, the official one, and small ones to break."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from gateway.check.intake import parse
from gateway.route.resources import packaged_directory
from routing.verzeichnis import Verzeichnis

ROOT = Path(__file__).parents[2]
OFFICIAL = ROOT.parent / "shared/xjustiz/examples"
FAULTY = {path for path in (ROOT / "schemas/beispiele").rglob("*.xml") if path.name != "gueltig.xml"} - set(
    (ROOT / "schemas/beispiele").glob("*.xml")
)
EXAMPLES = sorted({*(ROOT / "schemas/beispiele").rglob("*.xml"), *OFFICIAL.glob("*.xml")} - FAULTY)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "example" in metafunc.fixturenames:
        names = [f"{path.parent.name}-{path.stem}" for path in EXAMPLES]
        metafunc.parametrize("example", EXAMPLES, ids=names)
    if "schema" in metafunc.fixturenames:
        found = sorted((ROOT / "schemas").glob("*/1.0/*.xsd"))
        metafunc.parametrize("schema", found, ids=[f"{path.parts[-3]}-{path.stem}" for path in found])


@pytest.fixture(scope="session")
def directory() -> Verzeichnis:
    return packaged_directory()


@pytest.fixture
def root(example: Path) -> etree._Element:
    return parse(example.read_bytes()).root
