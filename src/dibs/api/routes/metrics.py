"""Figures: fair play, pools, credits. What each means is in ``docs/reference/metrics.md``."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import Field

from dibs.api import answers
from dibs.api.documentation import reads
from dibs.api.periods import span
from dibs.api.problems import Problem
from dibs.api.shapes import Incoming, Outgoing
from dibs.api.tokens import Request, Token, check_query
from dibs.distribution.choices import BANDS
from dibs.insight.cherry import Index
from dibs.insight.credits import MOST_LINES, Earned, TooManyLines, as_csv, credit_lines, credits_earned
from dibs.insight.fair_play import WAYS, PoolNote, fair_play, open_to, pools_moved
from dibs.insight.sight import Eyes
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["metrics"])

_SEE = Token(Action.SEE_FAIR_PLAY)
_LONGEST = timedelta(days=366)


class MetricsQuestion(Incoming):
    days: Annotated[int, Field(ge=1, le=_LONGEST.days)] = Field(30, description="The last so many days.")
    since: datetime | None = Field(None, description="In place of `days`: after this moment.")
    until: datetime | None = Field(None, description="Up to this moment; now, if left out.")


class CreditsQuestion(MetricsQuestion):
    format: Literal["json", "csv"] = Field("json", description="`csv`: each credit on a line of its own.")


class BandOut(Outgoing):
    least: int
    most: int
    claims: int
    offered: float = Field(description="Which share of what was in sight at those claims had such a score, 0..1.")


class IndexOut(Outgoing):
    n: int = Field(description="Claims with something to choose.")
    mean: float | None
    low: float | None
    high: float | None
    verdict: Literal["too_few", "either_way", "picks_high", "picks_low"]


class PlayerOut(Outgoing):
    rep: str
    name: str
    claims: int
    median_wait: float | None = Field(description="Seconds that what they claimed had waited.")
    queued: int
    unknown: int
    lapses: int
    released: int
    skips: int
    bands: list[BandOut]
    index: IndexOut


class WayTakenOut(Outgoing):
    way: Literal[tuple(WAYS)]  # type: ignore[valid-type]
    ended: int
    converted: int


class FairPlayOut(Outgoing):
    since: datetime
    until: datetime
    claims: int
    unknown: int
    median_to_claim: float | None = Field(description="Seconds.")
    bands: list[BandOut]
    reps: list[PlayerOut]
    ways: list[WayTakenOut]


class PoolNoteOut(Outgoing):
    """How a pool stood; spans are in seconds."""

    at: datetime
    waiting: int
    median: float
    p90: float
    oldest: float


class PoolMovedOut(Outgoing):
    name: str
    mode: Literal["queue", "pool", "cherry_pick"]
    now: PoolNoteOut | None
    moved: list[PoolNoteOut]
    masked: bool = Field(description="The caller sees some of its leads only: what is noted of all is left out.")


class PoolsMovedOut(Outgoing):
    items: list[PoolMovedOut]
    next: None = Field(description="Always null: they are one page.")


class EarnedOut(Outgoing):
    rep: str
    name: str
    claims: int
    claim_points: float
    conversions: int
    conversion_points: float
    points: float


class CreditsOut(Outgoing):
    since: datetime
    until: datetime
    items: list[EarnedOut]


@router.get(
    "/metrics/fair-play", auth=_SEE, response=reads(FairPlayOut), summary="Who claims what, against what was on offer"
)
def fair_play_metrics(request: Request, asked: Query[MetricsQuestion]) -> HttpResponse:
    """For a rep those of the own teams, for a manager those of the teams managed. Where the policy shows it to managers only, a rep
    is answered 403."""
    check_query(request, MetricsQuestion)
    caller = _caller(request)
    found = fair_play(caller, *span(asked, now(), _LONGEST))
    players = [
        {
            "rep": player.handle,
            "name": player.name,
            "bands": _bands(player.bands, player.offered),
            "index": _index(player.index),
            **{name: getattr(player, name) for name in _COUNTS},
        }
        for player in found.reps
    ]
    told = {name: getattr(found, name) for name in ("since", "until", "claims", "unknown", "median_to_claim", "ways")}
    return answers.answer({**told, "bands": _bands(found.bands, found.offered), "reps": players})


_COUNTS = ("claims", "median_wait", "queued", "unknown", "lapses", "released", "skips")


@router.get("/metrics/pools", auth=_SEE, response=reads(PoolsMovedOut), summary="How pools stand, and how that moved")
def pool_metrics(request: Request, asked: Query[MetricsQuestion]) -> HttpResponse:
    """Only pools in the caller's sight. `now` is null for a pool that was not noted within the last 20 minutes, and for one of which
    the caller's tier shows some leads only (`masked`)."""
    check_query(request, MetricsQuestion)
    found = pools_moved(_caller(request), *span(asked, now(), _LONGEST))
    items = [
        {
            "name": pool.name,
            "mode": pool.mode,
            "now": _note(pool.now) if pool.now else None,
            "moved": [_note(note) for note in pool.moved],
            "masked": pool.masked,
        }
        for pool in found
    ]
    return answers.answer({"items": items, "next": None})


@router.get(
    "/metrics/credits",
    auth=_SEE,
    response=reads(CreditsOut),
    summary="What reps earned",
    openapi_extra={"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}},
)
def credit_metrics(request: Request, asked: Query[CreditsQuestion]) -> HttpResponse:
    """A rep sees the own credits, a manager those of the teams managed. As CSV each credit is a line, for who pays by them."""
    check_query(request, CreditsQuestion)
    caller = request.auth
    since, until = span(asked, now(), _LONGEST)
    if asked.format == "csv":
        try:
            lines = credit_lines(caller, since, until)
        except TooManyLines:
            raise Problem("invalid", f"More than {MOST_LINES} credits: ask for a shorter period.") from None
        return HttpResponse(as_csv(lines), content_type="text/csv; charset=utf-8")
    items = [_earned(earned) for earned in credits_earned(caller, since, until)]
    return answers.answer({"since": since, "until": until, "items": items})


def _caller(request: Request) -> Caller:
    caller = request.auth
    if not open_to(caller, Eyes(caller, now())):
        raise Problem("not_allowed", "The policy shows fair play to managers only.")
    return caller


def _bands(claims: tuple[int, ...], offered: tuple[float, ...]) -> list[dict[str, Any]]:
    starts = (0, *BANDS)
    return [
        {"least": start + 1, "most": end, "claims": count, "offered": round(share, 4)}
        for start, end, count, share in zip(starts, BANDS, claims, offered, strict=False)
    ]


def _index(found: Index) -> dict[str, Any]:
    return {**asdict(found), "verdict": found.verdict}


def _note(note: PoolNote) -> dict[str, Any]:
    return {name: getattr(note, name) for name in PoolNoteOut.model_fields}


def _earned(earned: Earned) -> dict[str, Any]:
    return {"rep": earned.handle, **{name: getattr(earned, name) for name in EarnedOut.model_fields if name != "rep"}}
