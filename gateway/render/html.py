"""A page as one HTML file: no script, no reference to the outside, everything escaped.

Promises: the same message gives the same text; the file carries its style and a policy that forbids everything else.
Fails: `TooLarge` for a message beyond the limits of a page.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from lxml import etree
from markupsafe import Markup

from gateway.render import resources
from gateway.render.build import build_page
from gateway.render.page import Page
from routing.verzeichnis import Verzeichnis


def render_html(root: etree._Element, directory: Verzeichnis) -> str:
    """A message as an HTML page.

    Args:
        root: the root element, as the hardened parser of the intake gave it.
        directory: for the names of authorities and municipalities.

    Raises:
        TooLarge: the message has more than a page can show.
    """
    return draw_html(build_page(root, directory, resources.titles(), resources.decree()))


def draw_html(page: Page) -> str:
    """A page as HTML text."""
    style, digest = _style()
    template = resources.template("page.html.j2")
    return template.render(page=page, style=style, style_hash=digest)


def style_digest() -> str:
    """SHA-256 of the style sheet that each page carries, in base64, as a policy names it."""
    return _style()[1]


@cache
def _style() -> tuple[Markup, str]:
    """The style sheet, which is our own text, and its digest as the policy names it."""
    style = resources.style()
    digest = hashlib.sha256(style.encode()).digest()
    return Markup(style), base64.b64encode(digest).decode()  # noqa: S704 - our own style sheet, no message content
