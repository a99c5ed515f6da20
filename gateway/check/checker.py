"""The second stage as one call: XML bytes in, a checked message out.

Promises: the XML is parsed once and validated once; what comes back passed its XSD and every rule beyond it. Small
messages are judged on the event loop (microseconds), large ones in a thread; explanations run in a process of their own.
Fails: a `Refusal` of gateway/errors.py: `Malformed` 400, `Forbidden` 403, `TooLarge` 413, `Invalid` 422, each with
findings that say how to mend the message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gateway.check.catalogue import Catalogue
from gateway.message import Geprueft
from routing.verzeichnis import Verzeichnis


class Checker:
    """Judges messages by a catalogue of schemas and a directory of authorities."""

    def __init__(self, catalogue: Catalogue, directory: Verzeichnis) -> None:
        self.catalogue = catalogue
        self.directory = directory

    @classmethod
    def for_packaged(cls, packs: Path | None = None, *, directory: Verzeichnis | None = None) -> Checker:
        """A checker for the packaged schemas and directory, and the official packs installed in the folder `packs`."""
        raise NotImplementedError

    async def check(
        self,
        xml: bytes,
        *,
        today: date,
        attachments: Sequence[str] | None,
        sachverhalt: Mapping[str, Any] | None = None,
        empfaenger: str | None = None,
    ) -> Geprueft:
        """Judge one message.

        Args:
            xml: the XML part as it came.
            today: day of receipt in Europe/Berlin.
            attachments: names of the files beside it; None where they are not known (then they are not compared).
            sachverhalt: the part `sachverhalt`, parsed JSON; official XJustiz only.
            empfaenger: the part `empfaenger`, an authority key; official XJustiz only.

        Returns:
            The head and the facts; facts None for roots that go to their named addressee.

        Raises:
            Malformed: not the XML that we take.
            TooLarge: beyond a limit.
            Invalid: schema, rule, a version that is not valid, a part that does not go with this root.
            Forbidden: `sachverhalt.absender` is not the XML's sender (`absender_fremd`).
        """
        raise NotImplementedError

    async def close(self) -> None:
        """End the worker process, if one was started. Idempotent."""
