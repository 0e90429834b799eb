"""Sources, campaigns, and what campaigns sent."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Router

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem
from dibs.api.routes.acts import id_in
from dibs.api.shapes import Problem as ProblemShape
from dibs.api.shapes_of_intake import (
    CampaignChange,
    CampaignIn,
    CampaignList,
    CampaignOut,
    PieceChange,
    PieceIn,
    PieceOut,
    SourceChange,
    SourceIn,
    SourceList,
    SourceOut,
)
from dibs.api.tokens import Request, Token
from dibs.crm.models import Campaign, Piece
from dibs.intake.campaigns import (
    FIELDS,
    PIECE_FIELDS,
    CampaignCard,
    CampaignRefused,
    campaigns_of,
    drop_campaign,
    drop_piece,
    write_campaign,
    write_piece,
)
from dibs.intake.models import Source
from dibs.intake.sources import SourceCard, SourceRefused, sources_of, write_source
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["sources"])

_IMPORT = Token(Action.IMPORT_LEADS)
_ANSWERS = {409: ProblemShape}


@router.get("/sources", auth=_IMPORT, response=reads(SourceList), summary="List sources, the busiest first")
def list_sources(request: Request) -> HttpResponse:
    """Those that are written down, and those that leads name."""
    caller = request.auth
    return answers.answer({"items": [_source(card) for card in sources_of(caller.workspace_id)]})


@router.post("/sources", auth=_IMPORT, response=writes({201: SourceOut}) | _ANSWERS, summary="Write down a source")
def add_source(request: Request, body: SourceIn) -> HttpResponse:
    caller = request.auth
    return once(request, caller, now(), lambda: _write_source(caller, body.model_dump(), None))


@router.patch(
    "/sources/{source_id}", auth=_IMPORT, response=writes({200: SourceOut}) | _ANSWERS, summary="Change a source"
)
def change_source(request: Request, source_id: str, body: SourceChange) -> HttpResponse:
    """Leads that are here stay as they are; what the source says holds for those that come from now on."""
    caller = request.auth
    told = _told(body)
    return once(request, caller, now(), lambda: _write_source(caller, told, id_in(source_id)))


def _write_source(caller: Caller, told: dict[str, Any], source_id: UUID | None) -> HttpResponse:
    try:
        source = write_source(caller.workspace_id, told, source_id=source_id)
    except Source.DoesNotExist:
        raise Problem("not_found") from None
    except SourceRefused as refused:
        raise Problem("source_refused", why=refused.code, field=refused.field) from None
    (card,) = sources_of(caller.workspace_id, source.name)
    return answers.answer(_source(card), 201 if source_id is None else 200)


def _source(card: SourceCard) -> dict[str, Any]:
    return {known.name: getattr(card, known.name) for known in fields(card)} | {"share": card.share}


def _told(body: Any) -> dict[str, Any]:
    """What was said, and of it what may be nothing."""
    empty = {"campaign", "consent", "product", "starts_on", "ends_on", "sent_on"}
    said = body.model_dump(exclude_unset=True)
    return {name: value for name, value in said.items() if value is not None or name in empty}


@router.get("/campaigns", auth=_IMPORT, response=reads(CampaignList), summary="List campaigns, newest first")
def list_campaigns(request: Request) -> HttpResponse:
    """With what each sent, and what answered to it."""
    caller = request.auth
    return answers.answer({"items": [_campaign(card) for card in campaigns_of(caller.workspace_id)]})


@router.post(
    "/campaigns", auth=_IMPORT, response=writes({201: CampaignOut}) | _ANSWERS, summary="Write down a campaign"
)
def add_campaign(request: Request, body: CampaignIn) -> HttpResponse:
    caller = request.auth
    return once(request, caller, now(), lambda: _write_campaign(caller, body.model_dump(), None))


@router.patch(
    "/campaigns/{campaign_id}",
    auth=_IMPORT,
    response=writes({200: CampaignOut}) | _ANSWERS,
    summary="Change a campaign",
)
def change_campaign(request: Request, campaign_id: str, body: CampaignChange) -> HttpResponse:
    """The key of one that leads or sources name stays."""
    caller = request.auth
    told = _told(body)
    return once(request, caller, now(), lambda: _write_campaign(caller, told, id_in(campaign_id)))


@router.delete(
    "/campaigns/{campaign_id}", auth=_IMPORT, response=writes({204: None}) | _ANSWERS, summary="Delete a campaign"
)
def delete_campaign(request: Request, campaign_id: str) -> HttpResponse:
    """And what is written down of its pieces; not one that leads or sources name."""
    caller = request.auth
    try:
        drop_campaign(caller.workspace_id, id_in(campaign_id))
    except Campaign.DoesNotExist:
        raise Problem("not_found") from None
    except CampaignRefused as refused:
        raise _refused(refused) from None
    return HttpResponse(status=204)


def _write_campaign(caller: Caller, told: dict[str, Any], campaign_id: UUID | None) -> HttpResponse:
    try:
        campaign = write_campaign(caller.workspace_id, told, campaign_id=campaign_id)
    except Campaign.DoesNotExist:
        raise Problem("not_found") from None
    except CampaignRefused as refused:
        raise _refused(refused) from None
    (card,) = campaigns_of(caller.workspace_id, campaign.id)
    return answers.answer(_campaign(card), 201 if campaign_id is None else 200)


def _refused(refused: CampaignRefused) -> Problem:
    return Problem("campaign_refused", why=refused.code, field=refused.field)


@router.post(
    "/campaigns/{campaign_id}/pieces",
    auth=_IMPORT,
    response=writes({201: PieceOut}) | _ANSWERS,
    summary="Write down what a campaign sent",
)
def add_piece(request: Request, campaign_id: str, body: PieceIn) -> HttpResponse:
    caller = request.auth
    return once(request, caller, now(), lambda: _write_piece(caller, body.model_dump(), campaign_id, None))


@router.patch(
    "/campaigns/{campaign_id}/pieces/{piece_id}",
    auth=_IMPORT,
    response=writes({200: PieceOut}) | _ANSWERS,
    summary="Change a piece of a campaign",
)
def change_piece(request: Request, campaign_id: str, piece_id: str, body: PieceChange) -> HttpResponse:
    caller = request.auth
    told = _told(body)
    return once(request, caller, now(), lambda: _write_piece(caller, told, campaign_id, piece_id))


@router.delete(
    "/campaigns/{campaign_id}/pieces/{piece_id}",
    auth=_IMPORT,
    response=writes({204: None}),
    summary="Delete a piece of a campaign",
)
def delete_piece(request: Request, campaign_id: str, piece_id: str) -> HttpResponse:
    """What was sent of it stays in the leads' stories."""
    caller = request.auth
    try:
        drop_piece(caller.workspace_id, id_in(campaign_id), id_in(piece_id))
    except Piece.DoesNotExist:
        raise Problem("not_found") from None
    return HttpResponse(status=204)


def _write_piece(caller: Caller, told: dict[str, Any], campaign_id: str, piece_id: str | None) -> HttpResponse:
    try:
        piece = write_piece(
            caller.workspace_id, id_in(campaign_id), told, piece_id=id_in(piece_id) if piece_id is not None else None
        )
    except (Campaign.DoesNotExist, Piece.DoesNotExist):
        raise Problem("not_found") from None
    except CampaignRefused as refused:
        raise _refused(refused) from None
    return answers.answer(_piece(piece), 201 if piece_id is None else 200)


def _piece(piece: Piece) -> dict[str, Any]:
    return {"id": piece.id} | {name: getattr(piece, name) for name in PIECE_FIELDS}


def _campaign(card: CampaignCard) -> dict[str, Any]:
    campaign = card.campaign
    return {
        "id": campaign.id,
        **{name: getattr(campaign, name) for name in FIELDS},
        "pieces": [_piece(piece) for piece in campaign.pieces.order_by("created_at", "id")],
        "leads": card.leads,
        "converted": card.converted,
        "retired": card.retired,
        "share": card.share,
        "last_seen": card.last_seen,
    }
