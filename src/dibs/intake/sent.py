"""What another system sent to the person of a lead, reported to Dibs: mails, brochures, advertisements. Told to who has the lead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.db import connection, transaction

from dibs.crm.models import Lead, Piece
from dibs.engine.forgetting import ERASED
from dibs.people.tenancy import enter, new_id


@dataclass(frozen=True, slots=True)
class Report:
    """What was sent. ``external_id``: the same one of a lead, reported twice, is one. ``piece``: of a campaign that Dibs knows."""

    title: str
    at: datetime
    kind: str = "mail"
    text: str = ""
    url: str = ""
    campaign: str | None = None
    piece: UUID | None = None
    external_id: str | None = None


def report_sent(workspace_id: UUID, lead_id: UUID, told: Report) -> bool | None:
    """Keep it with the lead; returns whether it is new. ``None``: there is no such lead, or its person was erased.

    What surrounds a text is left out, and an id or a campaign of blanks is none. Raises `ValueError` for a title or a kind of blanks, and for
    an address that no browser would open as a page; `LookupError` for a piece that there is not.
    """
    title, kind, campaign, external_id = (
        (text or "").strip() for text in (told.title, told.kind, told.campaign, told.external_id)
    )
    if not title or not kind:
        raise ValueError("what was sent has a title and a kind")
    if told.url and urlsplit(told.url).scheme not in {"http", "https"}:
        raise ValueError("url begins with https:// or http://")
    enter(workspace_id)
    with transaction.atomic():
        # Locked against an erasure of its person at the same moment.
        lead = Lead.objects.select_for_update().filter(workspace_id=workspace_id, id=lead_id).only("flags").first()
        if lead is None or ERASED in lead.flags:
            return None
        if told.piece and not Piece.objects.filter(workspace_id=workspace_id, id=told.piece).exists():
            raise LookupError(told.piece)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO crm_sent (id, workspace_id, lead_id, piece_id, campaign, title, kind, text, url, at, external_id)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (workspace_id, lead_id, external_id) WHERE external_id IS NOT NULL DO NOTHING
                """,
                [
                    new_id(),
                    workspace_id,
                    lead_id,
                    told.piece,
                    campaign or None,
                    title,
                    kind,
                    told.text,
                    told.url,
                    told.at,
                    external_id or None,
                ],
            )
            return bool(cursor.rowcount)
