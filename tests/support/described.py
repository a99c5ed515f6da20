"""Holds what the API answers against what `GET /v1/openapi.json` says: every journey is a test of the description."""

import functools
import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from gateway.english import english
from gateway.service.views.openapi import document

PATH = re.compile(r"/v1/[^?]*")


@functools.cache
def description() -> dict[str, Any]:
    return document("test")


@functools.cache
def template(path: str) -> str | None:
    """The described path that an address belongs to."""
    found = [known for known in description()["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path)]
    return min(found, key=lambda known: known.count("{"), default=None)


@functools.cache
def validator(path: str, method: str, status: int) -> Draft202012Validator | None:
    operation = description()["paths"][path].get(method.lower())
    if operation is None:
        return None
    answer = operation["responses"].get(str(status))
    assert answer is not None, f"{method} {path} answers {status}, which nobody describes"
    if "$ref" in answer:
        answer = description()["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    ((_, content),) = [(kind, each) for kind, each in answer["content"].items() if "json" in kind]
    whole = {"components": description()["components"]} | content["schema"]
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)


def hold_english(problem: Mapping[str, Any]) -> None:
    """Raise where a refusal cannot be said in English; the decree's own words stay German."""
    if problem["type"].endswith(":unzulaessig"):
        return
    for text in (problem["title"], problem["detail"], *(each["text"] for each in problem["errors"])):
        assert english(text) is not None, text


def hold(method: str, url: str, status: int, value: Any) -> None:
    """Raise where an answer of `/v1` is not as it is described; what is no JSON is not looked at."""
    path = PATH.match(url)
    known = template(path[0]) if path else None
    if known is None or not isinstance(value, Mapping):
        return
    judge = validator(known, method, status)
    if status >= 400:
        hold_english(value)
    if judge is not None:
        for error in judge.iter_errors(value):
            raise AssertionError(f"{method} {known} {status}: {error.json_path}: {error.message:.300}")
