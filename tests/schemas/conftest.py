"""Both validators for both families, loaded once."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import xmlschema
from lxml import etree

SCHEMAS = Path(__file__).parents[2] / "schemas"
ENTRIES = {
    "urn:de:nrw:strafausl:1": SCHEMAS / "justiz/1.0/strafausl.xsd",
    "urn:de:nrw:auslstraf:1": SCHEMAS / "ausl/1.0/auslstraf.xsd",
}


class Family(NamedTuple):
    """One family under both validators."""

    libxml2: etree.XMLSchema
    python: xmlschema.XMLSchema


Verdicts = Callable[[bytes], tuple[bool, bool]]


@pytest.fixture(scope="session")
def families() -> dict[str, Family]:
    return {
        namespace: Family(etree.XMLSchema(etree.parse(str(entry))), xmlschema.XMLSchema(str(entry)))
        for namespace, entry in ENTRIES.items()
    }


@pytest.fixture(scope="session")
def verdicts(families: dict[str, Family]) -> Verdicts:
    """What libxml2 and xmlschema say about a message, in this order."""

    def judge(content: bytes) -> tuple[bool, bool]:
        root = etree.fromstring(content)
        family = families[etree.QName(root).namespace]
        return family.libxml2.validate(root), family.python.is_valid(content.decode())

    return judge
