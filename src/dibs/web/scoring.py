"""Models that predict, for those who decide whether to use one: learning, the comparison with the points, what moves it, the switch.

And on a lead's page, what the one that is switched on says of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from dibs.delivery.wording import active_language, field_name, figure, percent, titled
from dibs.distribution import predictions
from dibs.distribution.models import ScoreModel
from dibs.engine.policy_terms import Words
from dibs.engine.prediction import ANSWERS, ATTRIBUTES, OTHER
from dibs.insight import scoring
from dibs.insight.sight import SeenLead
from dibs.people.access import Action
from dibs.web import curves
from dibs.web.shown import country
from dibs.web.visit import Visit, page

#: Facts of a model that are shown, and so many of them before the rest is folded away.
_SHOWN = 8
#: An effect as long as the whole bar: the odds five times as good, or as bad.
_FULL = math.log(5)


@dataclass(frozen=True, slots=True)
class Moved:
    """What one value of a fact does: ``times`` the odds ("×1.8"), and as a bar, 0..100 either way."""

    fact: str
    value: str
    times: str
    bar: float
    up: bool
    leads: int = 0


@dataclass(frozen=True, slots=True)
class Weight:
    """A fact that a model looks at: how much it moves leads on average, as a bar of the largest, and its strongest values."""

    name: str
    fact: str
    bar: float
    levels: Sequence[Moved]


@dataclass(frozen=True, slots=True)
class Line:
    """A measure of the model beside that of the points, with the intervals and the difference, in words; ``sure``: the difference is
    beyond chance, and for the better or not."""

    name: str
    about: str
    model: tuple[str, str]
    points: tuple[str, str] | None
    difference: tuple[str, str] | None
    sure: bool
    better: bool


@require_GET
@page(Action.SEE_SCORING)
def scores(visit: Visit) -> HttpResponse:
    """The models there are, and whether there is enough to learn another one from."""
    models = scoring.models(visit.caller)
    return visit.show(
        "scoring/scoring.html",
        tab="scoring",
        models=models,
        enough=scoring.enough(visit.caller, visit.now),
        going=any(model.state in ("waiting", "learning") for model in models),
        on=next((model for model in models if model.active), None),
        by=_qualified_by(visit),
        states=_states(),
        steps=_steps(),
        verdicts=_verdicts(),
        may_train=visit.caller.may(Action.TRAIN_SCORING),
    )


@require_GET
@page(Action.SEE_SCORING)
def score_model(visit: Visit, number: int) -> HttpResponse:
    """How far a model is, and what it is worth."""
    found = _model(visit, number)
    told = scoring.as_plain(found)
    measures = told["measures"]
    return visit.show(
        "scoring/model.html",
        tab="scoring",
        found=found,
        told=told,
        measures=measures,
        lines=list(_lines(measures)) if measures else [],
        gains=curves.gains(measures) if measures else None,
        reliability=curves.reliability(measures) if measures else None,
        size=curves.SIZE,
        weights=_weights(visit, measures["facts"]) if measures else [],
        shown=_SHOWN,
        left_out=[fact_in_words(visit, name) for name in told["without"]],
        too_good=[(name, fact_in_words(visit, name)) for name in measures["too_good"]] if measures else [],
        parts={part["part"]: _dated(part) for part in measures["parts"]} if measures else {},
        lacks=lacks_in_words(told["lacks"]) if told["lacks"] else "",
        by=_qualified_by(visit),
        states=_states(),
        steps=_steps(),
        verdict=_verdicts()[measures["verdict"]] if measures else "",
        may_train=visit.caller.may(Action.TRAIN_SCORING),
    )


@require_POST
@page(Action.TRAIN_SCORING)
def learn(visit: Visit) -> HttpResponse:
    """Have a model learnt."""
    named = visit.request.POST.get("without", "").replace(",", " ").split()
    asked = predictions.ask(visit.caller.workspace_id, visit.caller.user_id, visit.now, named)
    return redirect("score_model", number=asked.number)


@require_POST
@page(Action.TRAIN_SCORING)
def switch(visit: Visit, number: int, to: str) -> HttpResponse:
    """Switch a model on or off."""
    if to not in ("on", "off"):
        raise Http404
    do = predictions.switch_on if to == "on" else predictions.switch_off
    try:
        do(visit.caller.workspace_id, number, visit.caller.name, visit.now)
    except predictions.UnknownModel:
        raise Http404 from None
    except predictions.NotReady:
        visit.bad(_("It is not learnt."))
    else:
        visit.good(
            _("Model %(n)s is switched on. Open leads are looked at again, a few at a time.") % {"n": number}
            if to == "on"
            else _("Model %(n)s is switched off. Points count again.") % {"n": number}
        )
    return redirect("score_model", number=number)


def prediction_part(visit: Visit, seen: SeenLead) -> Mapping[str, Any] | None:
    """What the model that is switched on says of a lead, and the facts that moved it."""
    found = scoring.prediction_of(visit.caller, seen, visit.now)
    if found is None:
        return None
    params = found.reason.params
    parts: Any = params["parts"]
    return {
        "likelihood": percent(round(found.likelihood, 3)),
        "share": 100 * found.likelihood,
        "place": found.score,
        "model": params["model"],
        "moved": [_moved(visit, part["fact"], part["value"], float(part["effect"])) for part in parts],
        "may_look": visit.caller.may(Action.SEE_SCORING),
    }


def fact_in_words(visit: Visit, name: str) -> str:
    """What a fact is called: a field, an attribute by its own name, a question as it is asked."""
    if name.startswith(ANSWERS):
        key = name.removeprefix(ANSWERS)
        book = visit.eyes.book
        asked = book.policy.qualify.questions.get(key) if book is not None else None
        return _spoken(asked.ask) if asked is not None else titled(key)
    if name.startswith(ATTRIBUTES):
        return titled(name.removeprefix(ATTRIBUTES))
    return field_name(name, active_language())


def _spoken(words: Words) -> str:
    if isinstance(words, str):
        return words
    language: Any = active_language()
    return words.get(language) or words.get("en") or next(iter(words.values()))


def value_in_words(visit: Visit, fact: str, value: str | None) -> str:
    """What a level of a fact is called: the value, a band of numbers, whether it is given."""
    if value is None:
        return _("not known")
    if value == OTHER:
        return _("others")
    if fact == "country":
        return str(country(value))
    if fact in {"source", "campaign", "industry"}:
        return titled(value)
    if fact.startswith(ANSWERS):
        book = visit.eyes.book
        question = book.policy.qualify.questions.get(fact.removeprefix(ANSWERS)) if book is not None else None
        answer = question.answers.get(value) if question is not None else None
        return _spoken(answer.says) if answer is not None and answer.says is not None else titled(value)
    shape = _shapes().get((fact, value)) or _shapes().get(("", value) if value == "given" else ("-", value))
    if shape is not None:
        return shape
    if value.startswith(">="):
        return _("%(n)s and more") % {"n": figure(value[2:])}
    if value.startswith("<"):
        return _("under %(n)s") % {"n": figure(value[1:])}
    low, dots, high = value.partition("..")
    if dots and _is_number(low) and _is_number(high):
        return _("%(low)s to under %(high)s") % {"low": figure(low), "high": figure(high)}
    return value


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).removeprefix("-").isdigit()


def _shapes() -> dict[tuple[str, str], str]:
    """Values that stand for what was given."""
    return {
        ("", "given"): _("given"),
        ("message", "short"): _("short"),
        ("message", "long"): _("long"),
        ("email", "company"): _("a company’s own address"),
        ("email", "free"): _("a free address"),
        ("consent", "yes"): _("yes"),
        ("consent", "no"): _("no"),
    }


def _moved(visit: Visit, fact: str, value: str | None, effect: float, leads: int = 0) -> Moved:
    return Moved(
        fact=fact_in_words(visit, fact),
        value=value_in_words(visit, fact, value),
        times="×" + figure(f"{math.exp(effect):.2f}" if effect < 1 else f"{math.exp(effect):.1f}"),
        bar=round(min(abs(effect) / _FULL, 1.0) * 100, 1),
        up=effect > 0,
        leads=leads,
    )


def _weights(visit: Visit, facts: Sequence[Mapping[str, Any]]) -> list[Weight]:
    most = max((fact["moves"] for fact in facts), default=0) or 1
    return [
        Weight(
            name=fact["fact"],
            fact=fact_in_words(visit, fact["fact"]),
            bar=round(100 * fact["moves"] / most, 1),
            levels=[
                _moved(visit, fact["fact"], level["value"], level["effect"], level["leads"]) for level in fact["levels"]
            ],
        )
        for fact in facts
        if fact["moves"] > 0
    ]


def _lines(measures: Mapping[str, Any]) -> Iterable[Line]:
    """The comparison, measure by measure."""
    for name, title, about, smaller_is_better in (
        (
            "auc",
            _("Tells which convert"),
            _("How often a lead that converted has the higher score than one that did not. 50% is chance. (ROC AUC)"),
            False,
        ),
        (
            "brier",
            _("How far off"),
            _(
                "The mean square of how far likelihoods were off; 0 is best. Saying the usual rate of all: %(usual)s. (Brier score)"
            )
            % {"usual": figure(f"{measures['usual_brier']:.3f}")},
            True,
        ),
        *(
            (
                f"lift_{top}",
                _("The best %(n)s of 100") % {"n": top},
                _("How many times as often as all leads they convert. (lift)"),
                False,
            )
            for top in (10, 20, 30)
        ),
    ):
        difference = measures["difference"][name] if measures["difference"] else None
        sure = difference is not None and (difference["low"] > 0 or difference["high"] < 0)
        yield Line(
            name=title,
            about=about,
            model=_measure(name, measures["model"][name]),
            points=_measure(name, measures["points"][name]) if measures["points"] else None,
            difference=_measure(name, difference, signed=True) if difference else None,
            sure=sure,
            better=sure and difference is not None and (difference["value"] < 0) == smaller_is_better,
        )


def _measure(name: str, measure: Mapping[str, float], *, signed: bool = False) -> tuple[str, str]:
    """A measure and its interval."""

    def written(value: float) -> str:
        sign = ("+" if value > 0 else "−" if value < 0 else "") if signed else "" if value >= 0 else "−"
        if name == "auc":
            # Differences of shares are in points of percent.
            return sign + figure(f"{100 * abs(value):.1f}") + ("" if signed else "%")
        return (
            sign + ("" if signed or name == "brier" else "×") + figure(f"{abs(value):.{3 if name == 'brier' else 2}f}")
        )

    return written(measure["value"]), _("%(low)s to %(high)s") % {
        "low": written(measure["low"]),
        "high": written(measure["high"]),
    }


def lacks_in_words(lacks: Mapping[str, Any]) -> str:
    """What is missing to learn from."""
    have, need = lacks["have"], lacks["need"]
    said = {
        "few_ended": ngettext(
            "%(have)s lead has ended so far. It takes %(need)s to learn from.",
            "%(have)s leads have ended so far. It takes %(need)s to learn from.",
            have,
        ),
        "few_won": ngettext(
            "%(have)s lead converted so far. It takes %(need)s to learn from.",
            "%(have)s leads converted so far. It takes %(need)s to learn from.",
            have,
        ),
        "few_lost": ngettext(
            "%(have)s lead was given up so far. It takes %(need)s to learn from.",
            "%(have)s leads were given up so far. It takes %(need)s to learn from.",
            have,
        ),
        "one_sided": _(
            "In one part of the time only %(have)s leads converted, or were given up. It takes %(need)s of each in every part."
        ),
        "no_facts": _("Nothing is known of enough leads to tell them apart by."),
    }
    return said[lacks["code"]] % {"have": have, "need": need}


def _dated(part: Mapping[str, Any]) -> dict[str, Any]:
    return {**part, **{name: datetime.fromisoformat(part[name]) for name in ("since", "until")}}


def _qualified_by(visit: Visit) -> str | None:
    """How the policy in force has leads scored: ``points`` or ``prediction``."""
    book = visit.eyes.book
    return book.policy.qualify.by if book is not None else None


def _model(visit: Visit, number: int) -> ScoreModel:
    found = scoring.model_of(visit.caller, number) if number < 2**31 else None
    if found is None:
        raise Http404
    return found


def _states() -> dict[str, str]:
    return {
        "waiting": _("waits for a worker"),
        "learning": _("is being learnt"),
        "ready": _("learnt"),
        "too_little": _("too little to learn from"),
        "failed": _("failed"),
    }


def _steps() -> dict[str, str]:
    return {
        "reading": _("Reading how leads ended"),
        "learning": _("Learning"),
        "calibrating": _("Putting likelihoods right"),
        "measuring": _("Measuring on later leads"),
    }


def _verdicts() -> dict[str, str]:
    return {
        "better": _("Better than the points"),
        "even": _("Not surely better than the points"),
        "worse": _("Worse than the points"),
        "alone": _("No points to compare with"),
        "chance": _("May be no better than chance"),
    }
