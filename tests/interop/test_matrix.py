"""The committed matrix is what the tests show: no row without a test, no test without its row, no old table."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.interop import rows
from tests.interop.environments import HERE, ROOT
from tools import interop_matrix


def test_every_row_has_a_test_and_every_test_its_row(tmp_path: Path) -> None:
    """The rows of the whole folder, whichever of its files run here; a test holds its own row against it as it runs."""
    listed = tmp_path / "rows.json"
    subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(HERE)],
        cwd=ROOT,
        env=os.environ | {"INTEROP_ROWS": str(listed), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        check=True,
    )
    tests = json.loads(listed.read_text("utf-8"))
    assert {rows.key(each): each for each in tests} == rows.committed()
    different = {json.dumps(each, sort_keys=True) for each in tests}
    assert len(different) == len(rows.committed()), "two tests say different things of one row"


def test_the_table_in_the_readme_is_current() -> None:
    text = interop_matrix.README.read_text("utf-8")
    assert interop_matrix.renewed(text, interop_matrix.committed()) == text


def test_an_empty_cell_says_nothing() -> None:
    entry = next(iter(rows.committed().values()))
    other = entry | {"feature": "another", "order": entry["order"] + 1, "peer": "another", "peer_order": 99}
    lines = interop_matrix.table([entry, other]).splitlines()
    (first,) = [line for line in lines if line.startswith(f"| {entry['feature']} |")]
    assert first.endswith("|  |")
    assert first.count("✓") <= 1
