"""The pictures in README.md: each is there, small, described in words, and made by the script."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LARGEST = 80_000
SCRIPT = (ROOT / "tests" / "browser" / "screenshots.py").read_text("utf-8")


def test_every_picture_is_there_and_described_and_small() -> None:
    named = re.findall(r"!\[([^\]]*)\]\((docs/bilder/(\w+)\.png)\)", (ROOT / "README.md").read_text("utf-8"))
    assert {path for _, path, _ in named} == {f"docs/bilder/{file.name}" for file in (ROOT / "docs/bilder").iterdir()}
    for words, path, name in named:
        assert len(words.split()) > 5, path
        assert f'Shot("{name}", ' in SCRIPT, path
        content = (ROOT / path).read_bytes()
        assert content.startswith(b"\x89PNG"), path
        assert len(content) <= LARGEST, path
