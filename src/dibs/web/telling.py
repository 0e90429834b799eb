"""A lead's story as the page tells it: each decision a step, its reasons in the reader's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from dibs.delivery.wording import (
    active_language,
    condition_in_words,
    field_name,
    figure,
    percent,
    points_in_words,
    say,
    titled,
    word,
)
from dibs.insight.sight import SeenLead
from dibs.insight.story import Entry
from dibs.web.shown import value_of
from dibs.web.visit import Visit

#: Codes that say what a decision found out before it decided.
_FOUND = frozenset(
    {"no_domain", "no_account", "matched_account", "in_family", "near_account", "in_territory", "in_territory_of"}
)
#: Kinds of entries that were not decided but written down.
_WRITTEN = frozenset({"noted", "activity"})
#: Codes that say where a lead came to be, the headline of a placement.
_WHERE = frozenset(
    {"pooled", "offered", "chosen", "in_review", "in_nurture", "retired_by_policy", "no_policy", "back_in_pool"}
)


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule that was looked at: its place, name, condition in words or as written, and what came of it."""

    place: int
    rule: str
    parts: Any
    result: str
    matched: bool = False


@dataclass(frozen=True, slots=True)
class Weighed:
    """A rep who was weighed for the best match, with numbers as people read them. ``results``: converted, of closed."""

    name: str
    results: str
    expected: str
    drawn: str
    strengths: str
    load: str
    value: str


@dataclass(slots=True)
class Step:
    """One step of the story, as the page tells it."""

    at: datetime
    headline: str
    details: list[str] = field(default_factory=list)
    points: list[tuple[Any, int]] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    weighed: list[Weighed] = field(default_factory=list)
    version: int | None = None


def steps_of(visit: Visit, story: Iterable[Entry], seen: SeenLead) -> Iterable[Step]:
    """The story in the reader's words: what a decision found out, the score, then where the lead went and why."""
    names, language = visit.names, active_language()
    questions = visit.questions
    for entry in story:
        if entry.kind in _WRITTEN:
            yield _written(visit, entry)
            continue
        said = [(reason, say(reason, language, names, visit.timezone)) for reason in entry.reasons]
        found = [text for reason, text in said if reason["code"] in _FOUND]
        if entry.kind == "placed":
            source = value_of(seen, "source")
            came = _("Came in from %(source)s") % {"source": source} if source else _("Came in")
            yield Step(entry.at, came, found, version=entry.policy_version)
            found = []
        for reason, text in said:
            if reason["code"] == "scored":
                points = [
                    (points_in_words(part, language, questions), part["add"])
                    for part in reason["params"].get("parts") or ()
                ]
                yield Step(entry.at, text, points=points, version=entry.policy_version)
        rest = [(reason, text) for reason, text in said if reason["code"] not in _FOUND | {"scored", "received"}]
        if not rest and not found:
            if not said:
                yield Step(entry.at, _kind(entry), version=entry.policy_version)
            continue
        step = Step(entry.at, _headline(entry, rest) or _kind(entry), found, version=entry.policy_version)
        passed: dict[str, list[str]] = {}
        place = None
        for reason, text in rest:
            if reason["code"] == "passed_over":
                because, handle = str(reason["params"].get("because")), str(reason["params"].get("rep"))
                place = len(step.details) if place is None else place
                passed.setdefault(because, []).append(names.get(handle, handle))
            elif text != step.headline:
                step.details.append(text)
            if reason["params"].get("tried") is not None:
                step.tried = list(_trace(reason, language))
            if reason["code"] == "best_match":
                step.weighed = [_weighed(each, names) for each in reason["params"].get("candidates") or ()]
        if place is not None:
            step.details[place:place] = [
                _("Passed over (%(why)s): %(names)s") % {"why": word("because", because), "names": ", ".join(who)}
                for because, who in passed.items()
            ]
        if entry.by and entry.by != entry.who and entry.by not in step.headline:
            step.details.append(_("By %(name)s") % {"name": entry.by})
        yield step


def _written(visit: Visit, entry: Entry) -> Step:
    """What was written down: by whom, and under it the words."""
    (reason,) = entry.reasons
    note = str(reason["params"].get("note") or "")
    bare = {**reason, "params": {**reason["params"], "note": ""}}
    return Step(entry.at, say(bare, active_language(), visit.names, visit.timezone), [note] if note else [])


def _headline(entry: Entry, rest: list[tuple[Mapping[str, Any], str]]) -> str | None:
    """A placement is headed by where the lead went, everything else by what happened."""
    if entry.kind in {"placed", "requalified"}:
        where = [text for reason, text in rest if reason["code"] in _WHERE]
        if where:
            return where[-1]
    return rest[0][1] if rest else None


def _kind(entry: Entry) -> str:
    """A decision without reasons in sight, by its kind."""
    kinds = {
        "placed": _("Placed"),
        "claimed": pgettext("story", "Claimed"),
        "lapsed": pgettext("story", "Lapsed"),
        "escalated": pgettext("story", "Passed on"),
        "released": pgettext("story", "Given back"),
        "opened": pgettext("story", "Looked at in detail"),
        "requalified": pgettext("story", "Looked at again"),
        "returned": pgettext("story", "Sent back"),
        "reassigned": pgettext("story", "Passed on"),
        "freed": pgettext("story", "Taken out of the line"),
        "warned": pgettext("story", "Warned"),
        "mailed": pgettext("story", "Got a mail"),
    }
    return kinds.get(entry.kind, titled(entry.kind))


def _weighed(numbers: Mapping[str, Any], names: Mapping[str, str]) -> Weighed:
    handle = str(numbers["rep"])
    return Weighed(
        names.get(handle, handle),
        _("%(n)s of %(all)s") % {"n": numbers["converted"], "all": numbers["closed"]},
        percent(float(numbers["expected"])),
        percent(float(numbers["drawn"])),
        figure(float(numbers["strengths"])),
        figure(float(numbers["load"])),
        percent(float(numbers["value"])),
    )


def _trace(reason: Mapping[str, Any], language: str) -> Iterable[Tried]:
    """The rules that were looked at, in their order, up to the one that matched."""
    params = reason["params"]
    for place, tried in enumerate(params["tried"], 1):
        if tried.get("because") == "unknown" and tried.get("fact"):
            fact = field_name(str(tried["fact"]).removeprefix("lead."), language)
            result = _("%(field)s is not known") % {"field": fact}
        else:
            result = _("does not hold")
        yield Tried(place, tried["rule"], condition_in_words(tried.get("when"), language), result)
    if params.get("rule"):
        place = int(params.get("index") or 0) + 1
        yield Tried(place, params["rule"], condition_in_words(params.get("when"), language), _("matched"), True)
