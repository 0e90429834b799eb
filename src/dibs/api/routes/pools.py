"""Pools: which the caller may look into, and the leads that wait there."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import Field

from dibs.api import answers
from dibs.api.documentation import reads
from dibs.api.problems import Problem
from dibs.api.shapes import Incoming, LeadPage, Pools, text
from dibs.api.tokens import Request, Token, check_query
from dibs.insight.pages import Page
from dibs.insight.pools import BY_RANGE, BY_VALUE, SORTS, pool_page, pools_in_sight
from dibs.people.access import Action

router = Router(tags=["pools"])

_SEE = Token(Action.SEE_POOLS)
_FILTERS_LIMIT = 20
#: What a bound of a range can be at most, and the place of its first digit at least; every field that has a range fits.
_BOUND, _PLACE = Decimal(10**15), -20


class PoolQuestion(Incoming):
    q: Annotated[str, text(200)] = Field(
        "", description="Words that must all occur, each in some field that the caller sees."
    )
    filter: list[Annotated[str, text(300, 3)]] = Field(
        [],
        max_length=_FILTERS_LIMIT,
        description=f"`field:value` for {', '.join(BY_VALUE)}; several of one field mean any of them. "
        f"`field:least..most` for {', '.join(BY_RANGE)}, where one end may be left out.",
    )
    sort: Literal[("", *SORTS)] = Field("", description="Left out: the pool's own order.")  # type: ignore[valid-type]
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


@router.get("/pools", auth=_SEE, response=reads(Pools), summary="List the pools in sight")
def list_pools(request: Request) -> HttpResponse:
    caller = request.auth
    return answers.page(Page(pools_in_sight(caller, now())), asdict)


@router.get("/pools/{name}/leads", auth=_SEE, response=reads(LeadPage), summary="List the leads that wait in a pool")
def list_pool_leads(request: Request, name: str, asked: Query[PoolQuestion]) -> HttpResponse:
    """Only what the pool and the caller's tier show. Filters and search reach only fields that the caller sees. A page of a
    search may be short, even empty, and still have a next one: go on until `next` is null."""
    check_query(request, PoolQuestion)
    caller = request.auth
    page = pool_page(
        caller,
        name,
        q=asked.q,
        filters=_filters(asked.filter),
        sort=asked.sort,
        cursor=asked.cursor,
        limit=asked.limit,
        now=now(),
    )
    if page is None:
        raise Problem("not_found")
    return answers.page(page, answers.lead)


def _filters(given: list[str]) -> dict[str, Any]:
    """``field:value`` and ``field:least..most``. Raises `Problem`."""
    filters: dict[str, Any] = {}
    for one in given:
        name, colon, value = one.partition(":")
        if not colon or not value:
            raise Problem("bad_filter", f"{one} is not field:value.")
        if name in BY_RANGE:
            least, dots, most = value.partition("..")
            filters[name] = (_bound(least, one), _bound(most if dots else least, one))
        elif name in BY_VALUE:
            filters.setdefault(name, []).append(value)
        else:
            raise Problem("bad_filter", f"There is no filter {name}.")
    return filters


def _bound(text: str, one: str) -> Decimal | None:
    if not text:
        return None
    try:
        bound = Decimal(text)
    except InvalidOperation:
        raise Problem("bad_filter", f"{one} has no number where one is needed.") from None
    if not bound.is_finite() or abs(bound) > _BOUND or bound.adjusted() < _PLACE:
        raise Problem("bad_filter", f"{one} is out of range.")
    return bound
