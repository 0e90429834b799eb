"""The mapping file: which column of a source becomes which field of a lead, and how its values are read.

Mistakes in it are found before a single row is read, each with its line and column.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping as Map
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from dibs.engine.policy_reading import did_you_mean
from dibs.engine.policy_terms import is_name
from dibs.engine.policy_text import Located, PolicyRefused
from dibs.intake.cleaning import ANSWERS, FIELDS, TEXTS, Place
from dibs.intake.codes import MAPPINGS
from dibs.intake.countries import country_code
from dibs.intake.moments import zone

Scalar = bool | int | float | str | None
Kind = Literal["text", "number", "whole", "yes_no", "moment"]
#: Fields that two columns or more may fill, their texts joined by a space.
JOINABLE = frozenset(TEXTS) - {"external_id", "email", "phone", "domain", "language"}
#: What a second look at a lead cannot change.
_FIXED = frozenset({"source", "received_at", "external_id"})


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Several = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Column(_Part):
    """What becomes of one column. ``column: field`` is short for ``column: {to: field}``."""

    to: Several = Field(
        min_length=1,
        description="The field it fills, or a list of fields; `attributes.<name>` for one of the source's own, `answers.<question>` for "
        "the answer to a standard question.",
    )
    kind: Kind = Field(
        default="text",
        alias="as",
        description="How an attribute is read: `text`, `number`, `whole` (a whole number), `yes_no` or `moment`. "
        "A lead's own fields are read their own way.",
    )
    values: dict[str, Scalar] = Field(
        default_factory=dict,
        description='What to put for what the column says; `""` is for a blank one, `null` puts nothing.',
    )
    dates: Several = Field(default=(), description="Date formats of this column, instead of the file's own.")
    timezone: str | None = Field(
        default=None, description="The time zone of this column's dates, instead of the file's own."
    )
    default: Scalar = Field(default=None, description="What to put where the column is blank.")


def _as_column(value: Any) -> Any:
    return {"to": value} if isinstance(value, str | tuple) else value


class Mapping(_Part):
    """A mapping file: how a source's columns become the fields of a lead. See ``docs/reference/intake.md``."""

    mapping: str = Field(default="", description="A name, for people.")
    encoding: str | None = Field(default=None, description="The file's encoding; told from the file if left out.")
    delimiter: str | None = Field(
        default=None, min_length=1, max_length=1, description="The separator; told from the file if left out."
    )
    enrich: bool = Field(
        default=False,
        description="Add what the file says to leads that are here, found by external id, and place none.",
    )
    external_id: str | None = Field(
        default=None, description="The column that names a row for ever: what makes a second import a no-op."
    )
    timezone: str | None = Field(
        default=None, description="The time zone of dates that name none; the workspace's if left out."
    )
    country: str | None = Field(
        default=None,
        description="Where phone numbers without a country code are dialled if the lead's country is not known (alpha-2); the "
        "workspace's if left out.",
    )
    decimal: Literal[".", ","] | None = Field(
        default=None, description="The decimal mark; told from each number if left out, which `1.200` leaves open."
    )
    dates: Several = Field(
        default=(),
        description="Date formats (`strptime`'s), tried in order. Without any, ISO 8601, year-month-day and months by name are read.",
    )
    columns: dict[str, Annotated[Column, BeforeValidator(_as_column)]] = Field(
        default_factory=dict,
        description="Column name to field, or to what is listed under a column below. Several columns may fill one text field: "
        "they are joined by a space.",
    )
    constants: dict[str, Scalar] = Field(default_factory=dict, description="Fields that are the same for every row.")
    defaults: dict[str, Scalar] = Field(
        default_factory=dict, description="What to put in a field that a row leaves blank."
    )
    rest: Literal["drop", "attributes"] = Field(
        default="drop",
        description="What becomes of columns not named here: nothing (`drop`), or `attributes` under their names.",
    )

    def digest(self) -> str:
        """Names what this mapping makes of a row: the same row by another mapping is another thing said."""
        said = self.model_dump(mode="json", exclude={"mapping", "encoding", "delimiter"})
        return hashlib.sha256(json.dumps([list(self.columns), said], sort_keys=True).encode()).hexdigest()

    def to_keep(self) -> dict[str, Any]:
        """The mapping for the database, as `kept_mapping` reads it. There JSON keeps no order of names, and the columns have one: those that
        fill one field are joined in it."""
        said = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return said | {"columns": [[name, column] for name, column in said.get("columns", {}).items()]}

    def place(self, country: str, timezone: str) -> Place:
        """Where the source is, with the workspace's ``country`` and ``timezone`` where the mapping says nothing."""
        return Place(self.country or country or None, self.timezone or timezone, self.decimal)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a mapping. ``code`` is one of ``codes.MAPPINGS``; ``line`` and ``column`` count from 1."""

    code: str
    message: str
    line: int | None = None
    column: int | None = None
    path: str = ""

    def __post_init__(self) -> None:
        assert self.code in MAPPINGS, self.code


def _at(located: Located, code: str, message: str, path: tuple[str | int, ...], *, key: bool = False) -> Problem:
    """The problem at the place of ``path`` in the file, or of the nearest part around it that is there."""
    where = located.problem("invalid", message, path, key=key)
    return Problem(code, message, where.line, where.column, where.path)


class MappingRefused(Exception):
    """A mapping that cannot be used; ``problems`` say why, each with its place in the file."""

    def __init__(self, problems: tuple[Problem, ...], name: str = "") -> None:
        self.problems, self.name = problems, name
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """One line for each problem: file, line, column, and what is wrong."""
        return [
            f"{self.name}:{p.line or 1}:{p.column or 1}: {p.message}" if self.name else p.message for p in self.problems
        ]


class MappingFile:
    """A mapping and where its parts stand in the file, for what shows only when it meets a header."""

    def __init__(self, mapping: Mapping, located: Located | None = None, name: str = "") -> None:
        self.mapping, self._located, self.name = mapping, located, name

    def refused(self, *complaints: tuple[str, str, tuple[str | int, ...]]) -> MappingRefused:
        """The refusal of ``(code, message, path)`` complaints, each at its place."""
        if self._located is None:
            return MappingRefused(tuple(Problem(code, message) for code, message, _ in complaints), self.name)
        problems = tuple(_at(self._located, *complaint, key=True) for complaint in complaints)
        return MappingRefused(problems, self.name)


def kept_mapping(said: Map[str, Any]) -> MappingFile:
    """A mapping as it was kept in the database, as JSON."""
    return MappingFile(Mapping.model_validate(_with_tuples({**said, "columns": dict(said.get("columns", ()))})))


def _with_tuples(said: Any) -> Any:
    if isinstance(said, list):
        return tuple(map(_with_tuples, said))
    return {name: _with_tuples(value) for name, value in said.items()} if isinstance(said, dict) else said


def read_mapping_file(path: Path) -> MappingFile:
    """The mapping in a file. `MappingRefused` with every problem; also where the file cannot be read."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise MappingRefused((Problem("file_missing", f"There is no mapping file {path}."),)) from None
    except UnicodeDecodeError:
        raise MappingRefused((Problem("wrong_encoding", f"{path} is not UTF-8."),)) from None
    except OSError as problem:
        message = f"{path} cannot be read: {problem.strerror or problem}."
        raise MappingRefused((Problem("file_unreadable", message),)) from None
    return read_mapping(text, str(path))


def read_mapping(text: str, name: str = "") -> MappingFile:
    """The mapping in ``text`` (YAML). `MappingRefused` with every problem, each with line and column."""
    try:
        located = Located(text)
    except PolicyRefused as refused:
        problems = tuple(
            Problem("yaml", _about_mappings(p.message), p.line, p.column, p.path) for p in refused.problems
        )
        raise MappingRefused(problems, name) from None
    try:
        mapping = Mapping.model_validate(located.value)
    except ValidationError as error:
        raise MappingRefused(tuple(_complaints(located, error)), name) from None
    file = MappingFile(mapping, located, name)
    if complaints := list(_mistakes(mapping)):
        raise file.refused(*complaints)
    return file


def _about_mappings(message: str) -> str:
    for policy, mapping in (("policies", "mapping files"), ("a policy", "a mapping file"), ("policy", "mapping file")):
        message = message.replace(policy, mapping)
    return message


def _complaints(located: Located, error: ValidationError) -> list[Problem]:
    found: dict[str, Problem] = {}
    for complaint in error.errors(include_url=False):
        path = _path_in(located.value, complaint["loc"])
        name = str(complaint["loc"][len(path)] if len(path) < len(complaint["loc"]) else path[-1])
        if complaint["type"] == "extra_forbidden":
            known = Column.model_fields if path[0] == "columns" else Mapping.model_fields
            names = sorted(field.alias or key for key, field in known.items())
            hint = did_you_mean(str(path[-1]), names) or f"; the fields here are {', '.join(names)}"
            problem = _at(located, "unknown_field", f"there is no field {path[-1]} here{hint}", path, key=True)
        elif complaint["type"] == "missing":
            problem = _at(located, "missing_field", f"{complaint['loc'][-1]} is missing", path)
        else:
            problem = _at(located, "wrong_value", f"{name}: {complaint['msg'].lower()}", path)
        found.setdefault(problem.path, problem)
    return sorted(found.values(), key=lambda problem: (problem.line or 0, problem.column or 0))


def _path_in(value: Any, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """As much of a complaint's place as the document has: the models' unions and shorthands add steps of their own."""
    path: list[str | int] = []
    for step in loc:
        inside = step in value if isinstance(value, Map) else isinstance(value, tuple) and isinstance(step, int)
        if not inside:
            break
        value = value[step]
        path.append(step)
    return tuple(path)


def _mistakes(mapping: Mapping) -> list[tuple[str, str, tuple[str | int, ...]]]:
    """What the types cannot tell: unknown targets, zones, formats."""
    found: list[tuple[str, str, tuple[str | int, ...]]] = []
    filled: dict[str, str] = {"external_id": "external_id"} if mapping.external_id else {}
    for name, column in mapping.columns.items():
        for target in column.to:
            path = ("columns", name, "to")
            if wrong := _unknown_target(target):
                found.append(("unknown_field", wrong, path))
            elif mapping.enrich and target in _FIXED - {"external_id"}:
                found.append(("fixed_field", f"{target} cannot be changed by enriching", path))
            elif target in filled and target not in JOINABLE:
                found.append(("target_twice", f"{target} is already filled by {filled[target]}", path))
            filled.setdefault(target, name)
        found.extend(bad_moments(column.dates, column.timezone, ("columns", name)))
    for part in ("constants", "defaults"):
        for target in getattr(mapping, part):
            if wrong := _unknown_target(target):
                found.append(("unknown_field", wrong, (part, target)))
            elif mapping.enrich and target in _FIXED:
                found.append(("fixed_field", f"{target} cannot be changed by enriching", (part, target)))
    found.extend(bad_moments(mapping.dates, mapping.timezone, ()))
    if mapping.country is not None and country_code(mapping.country) != mapping.country:
        found.append(("country_unknown", f"{mapping.country} is no country code; use one such as JP", ("country",)))
    if mapping.enrich and "external_id" not in filled:
        found.append(("external_id_missing", "enriching finds leads by external id: name its column", ("enrich",)))
    if not mapping.columns and mapping.rest == "drop":
        found.append(("empty", "no column is mapped to a field", ()))
    return found


def _unknown_target(target: str) -> str | None:
    if target.startswith("attributes.") and 0 < len(target) - len("attributes.") <= 100:
        return None
    if target.startswith(ANSWERS) and is_name(target.removeprefix(ANSWERS)):
        return None
    known = sorted(FIELDS - {"attributes", "answers"})
    if target in known:
        return None
    hint = did_you_mean(target, known) or "; use attributes.<name> for fields of your own"
    return f"a lead has no field {target}{hint}"


def bad_moments(
    dates: tuple[str, ...], timezone: str | None, path: tuple[str | int, ...]
) -> list[tuple[str, str, tuple[str | int, ...]]]:
    """What is wrong with formats of dates and a time zone, as `MappingFile.refused` takes it."""
    found: list[tuple[str, str, tuple[str | int, ...]]] = []
    for form in dates:
        try:
            sample = datetime(2001, 2, 3, 4, 5, 6).strftime(form)  # noqa: DTZ001 (a sample, for its digits alone)
            day = datetime.strptime(sample, form)  # noqa: DTZ007
        except ValueError as problem:
            found.append(("bad_date_format", f"{form!r} is no date format: {problem}", (*path, "dates")))
            continue
        if (day.year, day.month, day.day) != (2001, 2, 3):
            message = f"{form!r} does not hold a whole date: it needs year, month and day, such as %d/%m/%Y"
            found.append(("bad_date_format", message, (*path, "dates")))
    if timezone is not None:
        try:
            zone(timezone)
        except ValueError as problem:
            found.append(("unknown_timezone", f"{problem}; use one such as Asia/Tokyo", (*path, "timezone")))
    return found
