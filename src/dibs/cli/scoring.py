"""``dibs score``: models that predict, learnt from how leads ended, compared with the points, switched on and off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from dibs.cli.database import connected, tell
from dibs.cli.workspaces import chosen_workspace, workspace_option

if TYPE_CHECKING:
    from dibs.distribution.models import ScoreModel
    from dibs.people.caller import Caller

_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON, as the API does.")
_STEPS = {
    "reading": "Reading how leads ended",
    "learning": "Learning",
    "calibrating": "Putting likelihoods right",
    "measuring": "Measuring on later leads",
}
_VERDICTS = {
    "better": "better than the points",
    "even": "not surely better than the points",
    "worse": "worse than the points",
    "alone": "no points to compare with",
    "chance": "may be no better than chance",
}
_LACKS = {
    "few_ended": "{have} leads have ended so far; it takes {need}.",
    "few_won": "{have} leads converted so far; it takes {need}.",
    "few_lost": "{have} leads were given up so far; it takes {need}.",
    "one_sided": "In one part of the time only {have} leads converted, or were given up; it takes {need} of each in every part.",
    "no_facts": "Nothing is known of enough leads to tell them apart by.",
}
_MEASURES = (
    ("auc", "tells which convert (ROC AUC)"),
    ("brier", "how far off (Brier)"),
    ("lift_10", "best 10 of 100 (lift)"),
    ("lift_20", "best 20 of 100 (lift)"),
    ("lift_30", "best 30 of 100 (lift)"),
)


@click.group()
def score() -> None:
    """Learn from how leads ended how likely others are to convert."""


@score.command("train")
@click.option(
    "--without",
    metavar="FACT",
    multiple=True,
    help="A fact that is not to be learnt from, such as city or attributes.stage; as often as needed.",
)
@click.option("--background", is_flag=True, help="Leave it to a worker, and come back at once.")
@workspace_option
@_json_option
def train(without: tuple[str, ...], background: bool, workspace: str | None, as_json: bool) -> None:
    """Learn a model, and say what it is worth beside the points on leads that came later.

    Nothing is switched on by it. Exit codes: 0 learnt (or left to a worker), 1 too little to learn from.
    """
    with _workspace(workspace) as caller:
        from django.utils.timezone import now

        from dibs.distribution import predictions
        from dibs.insight import scoring

        asked = predictions.ask(caller.workspace_id, None, now(), without, at_once=not background)
        if not background:
            asked = predictions.learn(
                caller.workspace_id, asked.id, now, lambda step: tell(f"{_STEPS[step]} …") if not as_json else None
            )
        found = scoring.model_of(caller, asked.number)
        assert found is not None
        _show(found, as_json)
        if found.state == "too_little":
            raise SystemExit(1)


@score.command("list")
@workspace_option
@_json_option
def list_(workspace: str | None, as_json: bool) -> None:
    """List the models that were learnt, the newest first."""
    with _workspace(workspace) as caller:
        from dibs.insight import scoring
        from dibs.insight.plain import to_json

        models = scoring.models(caller)
        if as_json:
            click.echo(to_json([scoring.as_plain(found, whole=False) for found in models]))
            return
        if not models:
            click.echo("No model was learnt yet. See: dibs score train")
        for found in models:
            click.echo(_line(found))


@score.command("show")
@click.argument("number", type=click.IntRange(min=1))
@workspace_option
@_json_option
def show(number: int, workspace: str | None, as_json: bool) -> None:
    """Show what a model is worth beside the points, and which facts move it most."""
    with _workspace(workspace) as caller:
        from dibs.insight import scoring

        found = scoring.model_of(caller, number)
        if found is None:
            raise click.ClickException(f"There is no model {number}.")
        _show(found, as_json)


@score.command("on")
@click.argument("number", type=click.IntRange(min=1))
@workspace_option
def on(number: int, workspace: str | None) -> None:
    """Switch a model on: leads say how likely they are to convert, and open ones are looked at again by a worker."""
    _switch(number, workspace, on=True)


@score.command("off")
@click.argument("number", type=click.IntRange(min=1))
@workspace_option
def off(number: int, workspace: str | None) -> None:
    """Switch a model off: points count again."""
    _switch(number, workspace, on=False)


def _switch(number: int, workspace: str | None, *, on: bool) -> None:
    with _workspace(workspace) as caller:
        from django.utils.timezone import now

        from dibs.distribution import predictions

        switch = predictions.switch_on if on else predictions.switch_off
        try:
            switch(caller.workspace_id, number, caller.name, now())
        except predictions.UnknownModel:
            raise click.ClickException(f"There is no model {number}.") from None
        except predictions.NotReady:
            raise click.ClickException(f"Model {number} is not learnt.") from None
        click.echo(f"Model {number} is switched {'on' if on else 'off'}.")


@contextmanager
def _workspace(slug: str | None) -> Iterator[Caller]:
    """Who runs the server sees everything."""
    with connected():
        from dibs.people.caller import operator
        from dibs.people.tenancy import within

        here = chosen_workspace(slug)
        with within(here.id):
            yield operator(here.id, here.timezone, "dibs score")


def _show(found: ScoreModel, as_json: bool) -> None:
    from dibs.insight import scoring
    from dibs.insight.plain import to_json

    told = scoring.as_plain(found)
    click.echo(to_json(told) if as_json else "\n".join(_lines(found, told)))


def _line(found: ScoreModel) -> str:
    worth = ""
    if found.state == "ready":
        auc = found.measures["model"]["auc"]["value"]
        worth = f"  AUC {auc:.3f}  {_VERDICTS[found.measures['verdict']]}"
    on = "  switched on" if found.active else ""
    return f"{found.number:>4}  {found.asked_at:%Y-%m-%d %H:%M}  {found.state:10}{worth}{on}".rstrip()


def _lines(found: ScoreModel, told: Mapping[str, Any]) -> Iterator[str]:
    yield _line(found).strip()
    if told["lacks"]:
        yield _LACKS[told["lacks"]["code"]].format(**told["lacks"])
    if told["problem"]:
        yield f"Problem: {told['problem']}"
    measures = told["measures"]
    if measures is None:
        return
    for part in measures["parts"]:
        said = {"learnt": "learnt from", "calibrated": "put right on", "held_out": "measured on"}[part["part"]]
        yield f"  {said:13} {part['leads']:>7} leads, {part['won']:>6} converted, {part['since'][:10]} to {part['until'][:10]}"
    yield ""
    yield f"  {'':32}{'model':>24}{'points':>24}{'difference':>24}"
    for name, called in _MEASURES:
        sides = (measures["model"], measures["points"], measures["difference"])
        yield f"  {called:32}" + "".join(f"{_measure(side[name]) if side else '–':>24}" for side in sides)
    yield f"  saying the usual rate of all: {measures['usual_brier']:.3f} (Brier)"
    yield ""
    yield "  What moves it most (×2 doubles the odds):"
    for fact in measures["facts"][:8]:
        values = ", ".join(f"{_value(level['value'])} ×{_times(level['effect'])}" for level in fact["levels"][:4])
        yield f"    {fact['fact']:24} {values}"
    for name in measures["too_good"]:
        yield f"  Look at {name}: alone it tells nearly always how a lead ends. Is it known when a lead comes in?"


def _measure(measure: Mapping[str, float]) -> str:
    return f"{measure['value']:.3f} ({measure['low']:.3f}..{measure['high']:.3f})"


def _value(value: str | None) -> str:
    return "not known" if value is None else "others" if value == "*" else value


def _times(effect: float) -> str:
    from math import exp

    return f"{exp(effect):.2f}"
