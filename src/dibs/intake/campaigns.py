"""Campaigns, which leads answer to, and the pieces that each sent to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from dibs.crm.models import Campaign, Piece
from dibs.people.tenancy import enter

#: By which way a campaign reaches people, and what a piece of one can be.
CHANNELS = ("mail", "web", "search", "social", "event", "phone", "post", "print", "partner", "other")
KINDS = ("mail", "page", "brochure", "advertisement", "video", "invitation", "letter", "other")
FIELDS = ("key", "name", "channel", "product", "starts_on", "ends_on")
PIECE_FIELDS = ("title", "kind", "text", "url", "sent_on")
#: Why one is refused.
REFUSALS = (
    "key_missing", "key_taken", "key_in_use", "name_missing", "unknown_channel", "ends_before_start", "title_missing", "unknown_kind",
    "bad_address",
)  # fmt: skip


class CampaignRefused(Exception):
    """It cannot be kept so. ``code`` is of `REFUSALS`, ``field`` what it is about."""

    def __init__(self, code: str, field: str) -> None:
        assert code in REFUSALS, code
        super().__init__(code)
        self.code, self.field = code, field


@dataclass(frozen=True, slots=True)
class CampaignCard:
    """A campaign and what answered to it: leads, and of these converted and retired."""

    campaign: Campaign
    leads: int
    converted: int
    retired: int
    last_seen: datetime | None

    @property
    def share(self) -> float | None:
        """Converted of all that came, 0..1, as in the reports."""
        return self.converted / self.leads if self.leads else None


def write_campaign(workspace_id: UUID, told: Mapping[str, Any], *, campaign_id: UUID | None = None) -> Campaign:
    """Write a campaign down, or change it; fields that ``told`` does not have stay. Raises `CampaignRefused`, `Campaign.DoesNotExist`.

    The key of one that leads or sources name stays: they would answer to nothing.
    """
    enter(workspace_id)
    campaign = Campaign(workspace_id=workspace_id) if campaign_id is None else Campaign.objects.get(id=campaign_id)
    before = campaign.key
    for name in FIELDS:
        if name in told:
            setattr(campaign, name, told[name])
    campaign.key, campaign.name = (campaign.key or "").strip()[:100], (campaign.name or "").strip()[:200]
    campaign.product = (campaign.product or "").strip()[:200] or None
    if not campaign.key:
        raise CampaignRefused("key_missing", "key")
    if not campaign.name:
        raise CampaignRefused("name_missing", "name")
    if campaign.channel not in CHANNELS:
        raise CampaignRefused("unknown_channel", "channel")
    if campaign.starts_on and campaign.ends_on and campaign.ends_on < campaign.starts_on:
        raise CampaignRefused("ends_before_start", "ends_on")
    if campaign_id is not None and campaign.key != before and _named(workspace_id, before):
        raise CampaignRefused("key_in_use", "key")
    try:
        with transaction.atomic():
            campaign.save()
    except IntegrityError as problem:
        if "campaign_key_once" in str(problem):
            raise CampaignRefused("key_taken", "key") from None
        raise
    return campaign


def _named(workspace_id: UUID, key: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM crm_lead WHERE workspace_id = %s AND campaign = %s) "
            "OR EXISTS (SELECT FROM intake_source WHERE workspace_id = %s AND campaign = %s)",
            [workspace_id, key, workspace_id, key],
        )
        return bool(cursor.fetchone()[0])


def drop_campaign(workspace_id: UUID, campaign_id: UUID) -> None:
    """Delete a campaign and its pieces. Raises `CampaignRefused` where leads or sources name it, `Campaign.DoesNotExist`."""
    enter(workspace_id)
    campaign = Campaign.objects.get(id=campaign_id)
    if _named(workspace_id, campaign.key):
        raise CampaignRefused("key_in_use", "key")
    campaign.delete()


def write_piece(
    workspace_id: UUID, campaign_id: UUID, told: Mapping[str, Any], *, piece_id: UUID | None = None
) -> Piece:
    """Write down a piece of a campaign, or change it. Raises `CampaignRefused`, `Campaign.DoesNotExist`, `Piece.DoesNotExist`."""
    enter(workspace_id)
    campaign = Campaign.objects.get(id=campaign_id)
    piece = (
        Piece(workspace_id=workspace_id, campaign=campaign)
        if piece_id is None
        else Piece.objects.get(id=piece_id, campaign=campaign)
    )
    for name in PIECE_FIELDS:
        if name in told:
            setattr(piece, name, told[name])
    piece.title, piece.url = (piece.title or "").strip()[:300], (piece.url or "").strip()
    piece.text = piece.text or ""
    if not piece.title:
        raise CampaignRefused("title_missing", "title")
    if piece.kind not in KINDS:
        raise CampaignRefused("unknown_kind", "kind")
    if piece.url and (len(piece.url) > 2000 or not _is_address(piece.url)):
        raise CampaignRefused("bad_address", "url")
    piece.save()
    return piece


def _is_address(url: str) -> bool:
    """Whether it is an address that a reader's browser may open: of the web, and no script."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def drop_piece(workspace_id: UUID, campaign_id: UUID, piece_id: UUID) -> None:
    """Delete a piece; what was sent of it stays in the leads' stories. Raises `Piece.DoesNotExist`."""
    enter(workspace_id)
    Piece.objects.get(id=piece_id, campaign_id=campaign_id).delete()


def campaigns_of(workspace_id: UUID, campaign_id: UUID | None = None) -> list[CampaignCard]:
    """The campaigns with what answered to each, the latest first; or the one."""
    enter(workspace_id)
    found = Campaign.objects.filter(**({} if campaign_id is None else {"id": campaign_id}))
    campaigns = list(found.order_by("-created_at", "id"))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT campaign, count(*), count(*) FILTER (WHERE state = 'converted'), count(*) FILTER (WHERE state = 'retired'),
                max(created_at)
            FROM crm_lead WHERE workspace_id = %s AND campaign = ANY(%s) GROUP BY campaign
            """,
            [workspace_id, [campaign.key for campaign in campaigns]],
        )
        counted = {key: counts for key, *counts in cursor.fetchall()}
    return [CampaignCard(campaign, *counted.get(campaign.key, (0, 0, 0, None))) for campaign in campaigns]
