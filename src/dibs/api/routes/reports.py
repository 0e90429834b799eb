"""What became of leads: the funnel by month and by what they have in common."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import Field

from dibs.api import answers
from dibs.api.documentation import reads
from dibs.api.periods import span
from dibs.api.problems import Problem
from dibs.api.shapes import Incoming, LeadPage, Outgoing, text
from dibs.api.shapes_of_work import Cursor
from dibs.api.tokens import Request, Token, check_query
from dibs.insight.report_leads import PARTS, Counting, leads_behind, month_with
from dibs.insight.reports import GROUPS, Counted, Group, UnknownGroup, as_csv, report, said_by
from dibs.people.access import ACCESS, Action

router = Router(tags=["metrics"])

_SEE = Token(Action.SEE_REPORTS)
_LONGEST = timedelta(days=3660)


class FunnelPeriod(Incoming):
    by: Annotated[str, Field(min_length=1, max_length=120)] = Field(
        "source",
        description=f"What leads are told apart by: {', '.join(GROUPS)}, or an attribute, `attributes.<name>`.",
    )
    days: Annotated[int, Field(ge=1, le=_LONGEST.days)] = Field(
        90, description="Leads received in the last so many days."
    )
    since: datetime | None = Field(None, description="In place of `days`: received at this moment or later.")
    until: datetime | None = Field(None, description="Received before this moment; now, if left out.")


class FunnelQuestion(FunnelPeriod):
    format: Literal["json", "csv"] = Field("json", description="`csv`: a line for each month of each group.")


class CountedOut(Outgoing):
    leads: int
    contacted: int
    converted: int
    retired: int
    open: int = Field(description="Neither converted nor retired yet.")
    won: int = Field(description="Opportunities that were won.")
    lost: int
    rate: float | None = Field(description="Which share of the leads converted, 0..1.")
    to_contact: float | None = Field(description="Seconds from received to the first contact, half of them longer.")
    to_convert: float | None = Field(description="Seconds from received to converted, half of them longer.")


class MonthOut(CountedOut):
    month: date = Field(description="Its first day, in the workspace's time zone.")


class GroupOut(CountedOut):
    name: str | None = Field(description="Null: leads that say nothing of it; in `rest`, all smaller groups together.")
    months: list[MonthOut]


class RetiredOut(Outgoing):
    why: str
    leads: int


class WonOut(Outgoing):
    currency: str
    amount: Decimal


class ScoreBandOut(Outgoing):
    low: int
    high: int
    leads: int
    converted: int


class FunnelOut(Outgoing):
    by: str
    since: datetime
    until: datetime
    total: CountedOut
    months: list[MonthOut]
    groups: list[GroupOut] = Field(description="The largest first, 40 at most.")
    rest: GroupOut | None
    retired: list[RetiredOut]
    won: list[WonOut] = Field(description="Amounts won, by currency.")
    bands: list[ScoreBandOut] = Field(description="By the score that leads came in with.")


class FunnelLeadsQuestion(FunnelPeriod):
    part: Literal[tuple(PARTS)] = Field("leads", description="Which of the figures.")  # type: ignore[valid-type]
    month: date | None = Field(
        None, description="Received in the month of this day, as far as it is in the period: as in `months`."
    )
    name: Annotated[str, text(300, 1)] | None = Field(None, description="Of this group, as in `groups`.")
    unnamed: bool = Field(False, description="Of the group whose name is null.")
    why: Annotated[str, text(50, 1)] | None = Field(None, description="With `retired`: for this reason.")
    cursor: Cursor | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


@router.get(
    "/metrics/funnel",
    auth=_SEE,
    response=reads(FunnelOut),
    summary="What became of leads, by month and group",
    openapi_extra={"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}},
)
def funnel(request: Request, asked: Query[FunnelQuestion]) -> HttpResponse:
    """Leads count for the period they were received in. For a manager those that are theirs to look at."""
    check_query(request, FunnelQuestion)
    caller = request.auth
    moment = now()
    since, until = span(asked, moment, _LONGEST)
    try:
        told = report(caller, asked.by, since, until, moment)
    except UnknownGroup:
        raise _no_such_group() from None
    if asked.format == "csv":
        return HttpResponse(as_csv(told), content_type="text/csv; charset=utf-8")
    months = [month for month, _ in told.months]
    return answers.answer(
        {
            "by": told.by,
            "since": told.since,
            "until": told.until,
            "total": _counted(told.total),
            "months": [{"month": month, **_counted(counted)} for month, counted in told.months],
            "groups": [_group(group, months) for group in told.groups],
            "rest": _group(told.rest, months) if told.rest else None,
            "retired": [{"why": why, "leads": count} for why, count in told.retired],
            "won": [{"currency": currency, "amount": amount} for currency, amount in told.won],
            "bands": [
                {"low": band.low, "high": band.high, "leads": band.leads, "converted": band.converted}
                for band in told.bands
            ],
        }
    )


@router.get("/metrics/funnel/leads", auth=_SEE, response=reads(LeadPage), summary="List the leads behind a figure")
def funnel_leads(request: Request, asked: Query[FunnelLeadsQuestion]) -> HttpResponse:
    """Those that a figure of the funnel counts, asked for with the same `by` and period, newest first; each as the caller sees it. A token
    with scopes needs `leads:read` as well."""
    check_query(request, FunnelLeadsQuestion)
    caller = request.auth
    if not caller.may(Action.SEE_LEADS):
        raise Problem("not_allowed", f"This needs the scope {ACCESS[Action.SEE_LEADS].scope} as well.")
    moment = now()
    since, until = span(asked, moment, _LONGEST)
    if asked.month is not None:
        month = month_with(caller, asked.month)
        if month is None:
            raise Problem("invalid", "month: There is no such month in the reports")
        since, until = max(since, month[0]), min(until, month[1])
    if asked.name is not None and asked.unnamed:
        raise Problem("invalid", "unnamed: A group has a name or none")
    if asked.why is not None and asked.part != "retired":
        raise Problem("invalid", "why: Only leads of the part retired have one")
    grouped = asked.unnamed or asked.name is not None
    counting = Counting(since, until, asked.part, asked.by, asked.name, grouped, asked.why)
    question = asked.model_dump_json(exclude={"cursor", "limit"})
    try:
        said_by(asked.by)
        found = leads_behind(caller, counting, question, cursor=asked.cursor, limit=asked.limit, now=moment)
    except UnknownGroup:
        raise _no_such_group() from None
    return answers.page(found, answers.lead)


def _no_such_group() -> Problem:
    return Problem("invalid", f"by: it is one of {', '.join(GROUPS)}, or attributes.<name>")


def _counted(counted: Counted) -> dict[str, object]:
    return {
        name: getattr(counted, name)
        for name in (
            "leads", "contacted", "converted", "retired", "open", "won", "lost", "rate", "to_contact", "to_convert",
        )
    }  # fmt: skip


def _group(group: Group, months: list[date]) -> dict[str, object]:
    by_month = [
        {"month": month, **_counted(counted)}
        for month, counted in zip(months, group.months, strict=True)
        if counted.leads
    ]
    return {"name": group.name, **_counted(group.all), "months": by_month}
