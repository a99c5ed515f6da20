"""What pydantic found wrong with a configuration or an agreement, in German, with the key and the mend.

Promises: pure; no text repeats the value that was refused (it may be secret).
Fails: not at all; an unknown kind of error gives a general sentence.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_TEXTS = {
    "missing": "fehlt; bitte eintragen",
    "string_type": "muss Text in Anführungszeichen sein",
    "path_type": "muss ein Pfad in Anführungszeichen sein",
    "int_type": "muss eine ganze Zahl sein",
    "int_parsing": "muss eine ganze Zahl sein",
    "int_from_float": "muss eine ganze Zahl sein",
    "float_type": "muss eine Zahl sein",
    "float_parsing": "muss eine Zahl sein",
    "finite_number": "muss eine endliche Zahl sein",
    "bool_type": "muss true oder false sein",
    "bool_parsing": "muss true oder false sein",
    "date_type": "muss ein Datum der Form 2026-01-31 sein",
    "date_parsing": "muss ein Datum der Form 2026-01-31 sein",
    "date_from_datetime_parsing": "muss ein Datum der Form 2026-01-31 sein",
    "date_from_datetime_inexact": "muss ein Datum ohne Uhrzeit sein",
    "tuple_type": "muss eine Liste in eckigen Klammern sein",
    "model_type": "muss eine Tabelle sein",
    "model_attributes_type": "muss eine Tabelle sein",
    "string_pattern_mismatch": "hat nicht die verlangte Form",
    "string_too_long": "ist zu lang, erlaubt sind höchstens {max_length} Zeichen",
    "too_short": "muss mindestens {min_length} Eintrag haben",
    "greater_than": "muss größer als {gt} sein",
    "greater_than_equal": "muss mindestens {ge} sein",
    "less_than": "muss kleiner als {lt} sein",
    "less_than_equal": "darf höchstens {le} sein",
}


def findings(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One German line per finding: `[table] key: what is wrong and how to mend it`.

    Args:
        error: what `model.model_validate` raised.
        model: the model, to name the keys that it knows.
    """
    found = error.errors(include_url=False, include_input=False)
    places = [one["loc"] for one in found]
    # A list whose only entry is wrong is also "too short": one finding is enough.
    outer = [any(len(p) > len(loc) and p[: len(loc)] == loc for p in places) for loc in places]
    return [f"{_where(one['loc'])}{_text(one, model)}" for one, skip in zip(found, outer, strict=True) if not skip]


def _where(loc: Sequence[int | str]) -> str:
    """`[zugang 2] behoerden 1: `; list positions count from 1, as people do."""
    words = [str(part + 1) if isinstance(part, int) else part for part in loc]
    if not words:
        return ""
    table = 2 if len(loc) > 1 and isinstance(loc[1], int) else 1
    rest = " ".join(words[table:])
    return f"[{' '.join(words[:table])}] {rest}: " if rest else f"[{' '.join(words[:table])}]: "


def _text(one: Any, model: type[BaseModel]) -> str:
    kind, context = one["type"], one.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(one["loc"], model)
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"erlaubt ist {context['expected'].replace(' or ', ' oder ')}"
    return _TEXTS.get(kind, "hat keinen zulässigen Wert").format(**context)


def _unknown_key(loc: Sequence[int | str], model: type[BaseModel]) -> str:
    known = sorted(_known_keys(loc[:-1], model))
    near = difflib.get_close_matches(str(loc[-1]), known, n=1)
    if near:
        return f"unbekannter Schlüssel; gemeint ist wohl „{near[0]}“, sonst bitte streichen"
    return f"unbekannter Schlüssel, bitte streichen; bekannt sind hier: {', '.join(known)}"


def _known_keys(loc: Sequence[int | str], model: type[BaseModel]) -> set[str]:
    """Keys that the model knows at `loc`."""
    for part in loc:
        if isinstance(part, int):
            continue
        inner = _model_in(model.model_fields[part].annotation) if part in model.model_fields else None
        if inner is None:
            return set()
        model = inner
    return set(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `X`, `X | None` or `tuple[X, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
