"""The description of the API is true: every route, every shape (tests/support/described.py), every example."""

from datetime import date
from typing import Any

import pytest
from aiohttp import web
from caseworld import Case
from jsonschema import Draft202012Validator

from gateway.service.views.openapi import document
from gateway.service.views.openapi_examples import packaged
from routing import ANLAESSE


def described(whole: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in whole["paths"].items() for method in item}


async def test_every_route_is_described_and_nothing_else(case: Case) -> None:
    whole = await case.get("jva", "/v1/openapi.json")
    app: web.Application = case.hub.listeners._apps["api"]
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert described(whole) == served


def test_it_is_a_sound_description() -> None:
    whole = document("1")
    assert whole["openapi"].startswith("3.1.")
    names = [operation["operationId"] for item in whole["paths"].values() for operation in item.values()]
    assert len(set(names)) == len(names)
    for schema in whole["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for text in references(whole):
        node: Any = whole
        for step in text.removeprefix("#/").split("/"):
            node = node[step]


def test_each_anlass_has_a_message_and_an_answer_of_the_shape_that_is_described() -> None:
    whole = document("1", packaged(date(2026, 11, 22)))
    call = whole["paths"]["/v1/messages"]["post"]
    judge = Draft202012Validator({"components": whole["components"], "$ref": "#/components/schemas/Annahme"})
    answers = call["responses"]["202"]["content"]["application/json"]["examples"]
    messages = [kind["examples"] for kind in call["requestBody"]["content"].values()]
    assert set(answers) == {anlass for each in messages for anlass in each} == set(ANLAESSE)
    for answer in answers.values():
        judge.validate(answer["value"])


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [found for item in value.values() for found in references(item)]
    return [found for item in value for found in references(item)] if isinstance(value, list) else []


@pytest.mark.parametrize("faulty", [{"id": "x"}, {"unbekannt": 1}])
def test_the_shapes_can_be_missed(faulty: dict[str, Any]) -> None:
    whole = document("1")
    judge = Draft202012Validator({"components": whole["components"], "$ref": "#/components/schemas/Nachricht"})
    assert list(judge.iter_errors(faulty))
