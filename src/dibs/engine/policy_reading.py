"""From located text to a policy: each complaint of the models in words that help, at the line and column it is about."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from dibs.engine.policy_codes import CODES
from dibs.engine.policy_model import Policy
from dibs.engine.policy_text import Located, Path, PolicyRefused, Problem

#: Parts of a policy, and values, that are planned and that this version would silently not do.
_PLANNED = ("experiments",)

#: Problems told at once; who has more has another kind of problem.
_TOLD = 200

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "datetime_type": "a moment such as 2026-03-02T09:00:00Z",
    "timezone_aware": "a moment with its time zone, such as 2026-03-02T09:00:00Z",
    "finite_number": "a number that is not infinite",
}


def read_located(text: str) -> tuple[Policy, Located]:
    """The policy in ``text`` and where its parts stand. Raises `PolicyRefused` with all problems of its shape."""
    located = Located(text)
    try:
        return Policy.model_validate(located.value), located
    except ValidationError as error:
        found: dict[tuple[str, int | None, int | None], Problem] = {}
        for complaint in error.errors(include_url=False)[:_TOLD]:
            if complaint["type"] == "too_short" and len(complaint["input"]) >= complaint["ctx"]["min_length"]:
                continue  # its items are wrong, each told by itself; it only looks too short without them
            problem = _problem(located, complaint)
            found.setdefault((problem.path, problem.line, problem.column), problem)
        problems = sorted(found.values(), key=lambda problem: (problem.line or 0, problem.column or 0))
        raise PolicyRefused(tuple(problems)) from None


def _problem(located: Located, complaint: Any) -> Problem:
    kind, context = complaint["type"], complaint.get("ctx") or {}
    path, on_key = _path(located.value, complaint["loc"])
    name = str(path[-1]) if path else "the policy"
    if kind == "extra_forbidden":
        return _unknown_field(located, path)
    if kind == "missing":
        return located.problem("missing_field", f"{complaint['loc'][-1]} is missing", path)
    if kind in _KINDS:
        found = _kind_of(complaint["input"])
        return located.problem("wrong_type", f"{name} must be {_KINDS[kind]}, not {found}", path)
    if kind == "literal_error":
        given = complaint["input"]
        allowed = str(context["expected"])
        hint = did_you_mean(str(given), allowed.replace("'", "").replace(" or ", ", ").split(", "))
        return located.problem("unknown_value", f"{name} cannot be {given}; it is {allowed}{hint}", path)
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = "at least" if kind == "greater_than_equal" else "at most"
        limit = context.get("ge", context.get("le"))
        return located.problem("out_of_range", f"{name} must be {bound} {limit:g}, not {complaint['input']}", path)
    if kind == "string_pattern_mismatch":
        message = f"{complaint['input']} is not a name: use small letters a-z, digits, - and _, 50 at most"
        return located.problem("bad_name", message, path, key=on_key)
    if kind == "too_short" and complaint["input"]:
        return located.problem("too_few", f"{name} needs {context['min_length']} at least", path)
    if kind in ("too_short", "string_too_short"):
        return located.problem("empty", f"{name} must not be empty", path)
    if kind in ("too_long", "string_too_long"):
        most = context.get("max_length")
        return located.problem(
            "too_long", f"{name} may have {most} {'characters' if 'string' in kind else 'items'} at most", path
        )
    return located.problem(kind if kind in CODES else "invalid", complaint["msg"], path)


def _path(value: Any, loc: Iterable[str | int]) -> tuple[Path, bool]:
    """The part of the document that a complaint is about (it also names union members), and whether about its key."""
    path: list[str | int] = []
    for step in loc:
        if step == "[key]":
            return tuple(path), True
        if isinstance(step, int) and isinstance(value, Mapping):
            continue  # one thing, written without the list that it may stand in
        inside = isinstance(value, Mapping) and step in value
        if not inside and not (isinstance(value, tuple) and isinstance(step, int) and step < len(value)):
            break
        value = value[step]
        path.append(step)
    return tuple(path), False


def _unknown_field(located: Located, path: Path) -> Problem:
    name = str(path[-1])
    if len(path) == 1 and name in _PLANNED:
        message = f"{name} is not something this version of Dibs does yet; leave it out"
        return located.problem("not_yet", message, path, key=True)
    fields = fields_at(path[:-1])
    hint = did_you_mean(name, fields) or (f"; the fields here are {', '.join(fields)}" if fields else "")
    return located.problem("unknown_field", f"there is no field {name} here{hint}", path, key=True)


def fields_at(path: Path) -> tuple[str, ...]:
    """The fields that a policy may have at ``path``, from the models' schema."""
    whole = _schema()
    here: Any = whole
    for step in path:
        here = _unfolded(whole, here)
        if isinstance(step, str) and "items" in here:
            here = _unfolded(whole, here["items"])  # one thing, written without the list
        inner = here.get("items") if isinstance(step, int) else here.get("properties", {}).get(step)
        by_name = [*here.get("patternProperties", {}).values(), here.get("additionalProperties")]
        here = inner or by_name[0] or {}
    here = _unfolded(whole, here)
    return tuple(_unfolded(whole, here.get("items", here)).get("properties", ()))


@cache
def _schema() -> dict[str, Any]:
    return Policy.model_json_schema()


def _unfolded(whole: Mapping[str, Any], part: Any) -> Any:
    """A schema's part with its reference followed, and of "this or null" the this."""
    for way in part.get("anyOf", ()):
        if way.get("type") != "null":
            part = way
            break
    reference = part.get("$ref")
    return whole["$defs"][reference.rpartition("/")[2]] if reference else part


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` if one of the known names is near, else nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {value[:40]!r}"
        case tuple():
            return "a list"
        case Mapping():
            return "a mapping"
        case _:
            return "a date (put it in quotes if it is text)"
