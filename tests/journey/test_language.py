"""Refusals in the language that the caller asks for, through the running gateway."""

import re
from typing import Any

import pytest
from as2peer import haft
from gatewayworld import Api

ENGLISH = {"Accept-Language": "en-US,en;q=0.9,de;q=0.5"}
XML = {"Content-Type": "application/xml"}


async def asked(api: Api, method: str, path: str, **options: Any) -> tuple[dict[str, Any], dict[str, str]]:
    headers = ENGLISH | options.pop("headers", {})
    async with api._session.request(method, api._base + path, headers=headers, **options) as answer:
        return await answer.json(content_type=None), dict(answer.headers)


@pytest.mark.parametrize(
    ("method", "path", "options", "code", "detail"),
    [
        ("GET", "/v1/nothing", {}, "nicht_gefunden", "There is nothing at this address that you may see."),
        ("DELETE", "/v1/inbox", {}, "methode", "There is no such call here."),
        ("POST", "/v1/messages", {"data": b"<x", "headers": XML}, "kein_xml", "The message is no well-formed XML."),
        ("POST", "/v1/messages/search", {"json": {"x": 1}}, "unbekannte_angabe", "Unknown key in the search: “x”."),
        ("POST", "/v1/messages/search", {"json": []}, "json", "The body must be a JSON object."),
    ],
)
async def test_english(jva: Api, method: str, path: str, options: dict[str, Any], code: str, detail: str) -> None:
    problem, headers = await asked(jva, method, path, **options)
    assert problem["type"].endswith(f":{code}"), problem
    assert problem["detail"] == detail
    assert headers["Content-Language"] == "en"
    assert headers["Vary"] == "Accept-Language"


async def test_what_a_schema_demands_is_explained_in_english(jva: Api) -> None:
    whole = haft()
    broken = re.sub(rb"(<(?:\w+:)?antrittAm>)[^<]+", rb"\1gestern", whole)
    assert broken != whole
    problem, _ = await asked(jva, "POST", "/v1/messages", data=broken, headers=XML)
    assert problem["detail"] == "The message does not conform to its schema: one error."
    (finding,) = problem["errors"]
    assert finding["code"] == "wert_form"
    assert finding["text"].startswith("“antrittAm” does not have the form that is required")
    assert finding["text"].endswith("Day without time zone, YYYY-MM-DD.")


async def test_german_is_what_everybody_else_gets(jva: Api) -> None:
    async with jva._session.get(f"{jva._base}/v1/nothing", headers={"Accept-Language": "fr"}) as answer:
        assert (await answer.json(content_type=None))["title"] == "Nicht gefunden"
        assert answer.headers["Content-Language"] == "de"
        assert answer.headers["Vary"] == "Accept-Language"
