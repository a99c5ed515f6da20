"""The page for people that travels beside the XML, so that an office without software can work with it.

Promises: added only where the agreement says so (by mail, unless it says otherwise); inside signature and encryption;
never needed: a receiving gateway drops exactly these parts and checks the rest as if they were not there.
Fails: not at all; a message that is too large for a page goes without one.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence

from gateway.check.intake import parse
from gateway.errors import Refusal
from gateway.render.pdf import render_pdf
from gateway.seal.sealer import PartIn
from routing.verzeichnis import Verzeichnis

MEDIA_TYPE = "application/pdf"
_XML_PARTS = re.compile(r"Nachricht_[0-9a-f-]{36}\.xml")
"""A forwarded original travels under such a name (gateway/route/compose.py)."""


def legible_parts(message_id: str, parts: Sequence[tuple[str, bytes]], directory: Verzeichnis) -> list[PartIn]:
    """One page for the message, and one for the original where it forwards one.

    Args:
        message_id: our id of the message; stands in the name, so that the part is recognised.
        parts: name and content of each part, the XML first.
        directory: for the names of authorities.
    """
    found = [content for n, (name, content) in enumerate(parts) if n == 0 or _XML_PARTS.fullmatch(name)]
    pages: list[PartIn] = []
    for n, xml in enumerate(found, 1):
        try:
            page = render_pdf(parse(xml).root, directory)
        except Refusal:
            continue
        digest = hashlib.sha256(page).hexdigest()
        pages.append(PartIn(f"Lesefassung_{message_id}_{n}.pdf", MEDIA_TYPE, io.BytesIO(page), len(page), digest))
    return pages


def is_legible_part(name: str | None, message_id: str | None) -> bool:
    """Whether a part is such a page of the message with this `X-Gateway-Id`."""
    return (
        message_id is not None and re.fullmatch(rf"Lesefassung_{re.escape(message_id)}_\d\.pdf", name or "") is not None
    )
