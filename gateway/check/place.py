"""Where something stands in a message, and how its parts are found there.

Promises: pure; XPaths carry the same readable prefixes whatever prefixes the message declares.
Fails: not at all; what is not there is None or an empty list.
"""

from __future__ import annotations

from lxml import etree

PREFIXES = {
    "urn:de:nrw:strafausl:1": "strafausl",
    "urn:de:nrw:auslstraf:1": "auslstraf",
    "http://www.xjustiz.de": "xjustiz",
}
"""Readable prefixes of XPaths."""


def xpath_of(element: etree._Element) -> str:
    """The place of an element as an XPath with readable prefixes, and positions where names repeat."""
    steps = []
    for node in [element, *element.iterancestors()]:
        name = etree.QName(node)
        prefix = PREFIXES.get(name.namespace or "")
        step = f"{prefix}:{name.localname}" if prefix else name.localname
        if node.getparent() is not None:
            before = len(list(node.itersiblings(name, preceding=True)))
            if before or next(node.itersiblings(name), None) is not None:
                step += f"[{before + 1}]"
        steps.append(step)
    return "/" + "/".join(reversed(steps))


def local(element: etree._Element) -> str:
    """The local name of an element."""
    return etree.QName(element).localname


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """The first element at a path of local names, whatever their namespace.

    The families differ in which elements are qualified (contracts.md section 4); their local names do not collide.
    """
    for name in path:
        if element is None:
            return None
        element = next(element.iterchildren("{*}" + name), None)
    return element


def text(element: etree._Element | None, *path: str) -> str | None:
    """The trimmed text at a path; None if it is missing or blank."""
    found = child(element, *path)
    return ((found.text or "").strip() or None) if found is not None else None


def named(root: etree._Element, name: str) -> list[etree._Element]:
    """All elements of a local name, in document order."""
    return list(root.iter("{*}" + name))
