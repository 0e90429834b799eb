"""Notices: what the caller is to know without having asked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import Field

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.shapes import Incoming, text
from dibs.api.shapes_of_people import NoticePage, NoticesLeft, NoticesRead
from dibs.api.tokens import Request, Token, check_query
from dibs.delivery.notices import GivenNotice, mark_read, notices_of, unread
from dibs.insight.crew import rep_names
from dibs.insight.pages import Page, cursor_after, last_seen
from dibs.insight.story import told
from dibs.people.access import Action

router = Router(tags=["people"])


class NoticeQuestion(Incoming):
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


@router.get("/me/notices", auth=Token(Action.SEE_SELF), response=reads(NoticePage), summary="List one's notices")
def list_notices(request: Request, asked: Query[NoticeQuestion]) -> HttpResponse:
    """What the caller is to know without having asked, newest first: rules that change, another tier, a claim floor missed."""
    check_query(request, NoticeQuestion)
    caller = request.auth
    question = f"notices {caller.user_id}"
    before = last_seen(asked.cursor, question) if asked.cursor else None
    found = notices_of(caller, asked.limit + 1, before=before)
    shown = found[: asked.limit]
    names = rep_names(caller.workspace_id)

    def show(notice: GivenNotice) -> dict[str, Any]:
        return asdict(notice) | {"reasons": told(notice.reasons, caller.language, names, caller.timezone)}

    return answers.page(Page(shown, cursor_after(shown[-1].id, question) if len(found) > asked.limit else None), show)


@router.post(
    "/me/notices/read", auth=Token(Action.SEE_SELF), response=writes({200: NoticesLeft}), summary="Note notices as read"
)
def read_notices(request: Request, body: NoticesRead) -> HttpResponse:
    """Those named by id, or all of the caller's."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        mark_read(caller, at, body.ids)
        return answers.answer({"unread": unread(caller)})

    return once(request, caller, at, write)
