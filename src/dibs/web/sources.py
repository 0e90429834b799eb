"""Sources and campaigns: where leads come from, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dibs.crm.models import Campaign, Piece
from dibs.intake.campaigns import (
    CampaignRefused,
    campaigns_of,
    drop_campaign,
    drop_piece,
    write_campaign,
    write_piece,
)
from dibs.intake.listing import imports_of
from dibs.intake.models import Source
from dibs.intake.sources import SourceRefused, sources_of, write_source
from dibs.people.access import Action
from dibs.web import told_of_files as told
from dibs.web.visit import Visit, page

#: Imports of a source that are shown with it.
_IMPORTS = 10


@require_http_methods(["GET", "POST"])
@page(Action.IMPORT_LEADS)
def sources(visit: Visit) -> HttpResponse:
    """The sources there are, and a form for another."""
    given, unfit = visit.request.POST, ""
    if visit.request.method == "POST":
        try:
            made = write_source(visit.caller.workspace_id, source_in(given))
        except SourceRefused as refused:
            unfit = str(told.REFUSALS[refused.code])
        else:
            visit.good(_("The source is written down."))
            return redirect(_of(made.name))
    return visit.show(
        "sources/sources.html",
        status=422 if unfit else 200,
        tab="sources",
        sources=[(card, _of(card.name)) for card in sources_of(visit.caller.workspace_id)],
        campaigns=_campaigns(visit),
        given=given,
        unfit=unfit,
        told=told,
    )


@require_http_methods(["GET", "POST"])
@page(Action.IMPORT_LEADS)
def source(visit: Visit) -> HttpResponse:
    """One source, by its name: leads may name one that nobody has written down."""
    name = visit.request.GET.get("name", "").replace("\0", "")
    found = sources_of(visit.caller.workspace_id, name) if name else []
    if not found:
        raise Http404
    (card,) = found
    given: Mapping[str, Any] = {
        "name": card.name,
        "category": card.category,
        "campaign": card.campaign or "",
        "vendor": card.vendor,
        "consent": {True: "yes", False: "no", None: ""}[card.consent],
        "note": card.note,
    }
    unfit = ""
    if visit.request.method == "POST":
        given = visit.request.POST
        try:
            # What leads call it stays: they would be of another.
            write_source(visit.caller.workspace_id, {**source_in(given), "name": card.name}, source_id=card.id)
        except SourceRefused as refused:
            unfit = str(told.REFUSALS[refused.code])
        except Source.DoesNotExist:
            raise Http404 from None
        else:
            visit.good(_("Kept. It holds for leads that come from now on."))
            return redirect(_of(card.name))
    return visit.show(
        "sources/source.html",
        status=422 if unfit else 200,
        tab="sources",
        source=card,
        imports=imports_of(visit.caller.workspace_id, source=card.name, limit=_IMPORTS),
        campaigns=_campaigns(visit),
        given=given,
        unfit=unfit,
        told=told,
    )


def source_in(form: Mapping[str, Any]) -> dict[str, Any]:
    """What a form says of a source."""
    text = {
        name: str(form.get(name, "")).replace("\0", "") for name in ("name", "category", "campaign", "vendor", "note")
    }
    consent = {"yes": True, "no": False}.get(str(form.get("consent", "")))
    return {**text, "category": text["category"] or "api", "campaign": text["campaign"] or None, "consent": consent}


def _of(name: str) -> str:
    return f"{reverse('source')}?{urlencode({'name': name})}"


def _campaigns(visit: Visit) -> list[tuple[str, str]]:
    found = Campaign.objects.filter(workspace_id=visit.caller.workspace_id).order_by("-created_at")
    return list(found.values_list("key", "name"))


@require_http_methods(["GET", "POST"])
@page(Action.IMPORT_LEADS)
def campaigns(visit: Visit) -> HttpResponse:
    """The campaigns there are, and a form for another."""
    given, unfit = visit.request.POST, ""
    if visit.request.method == "POST":
        try:
            made = write_campaign(visit.caller.workspace_id, _campaign_in(given))
        except CampaignRefused as refused:
            unfit = str(told.REFUSALS[refused.code])
        except ValueError:
            unfit = str(told.REFUSALS["bad_day"])
        else:
            visit.good(_("The campaign is written down."))
            return redirect("campaign", made.id)
    return visit.show(
        "sources/campaigns.html",
        status=422 if unfit else 200,
        tab="campaigns",
        campaigns=campaigns_of(visit.caller.workspace_id),
        given=given,
        unfit=unfit,
        told=told,
    )


@require_http_methods(["GET", "POST"])
@page(Action.IMPORT_LEADS)
def campaign(visit: Visit, campaign_id: UUID) -> HttpResponse:
    """One campaign: what it is, what it sent, what answered to it."""
    found = campaigns_of(visit.caller.workspace_id, campaign_id)
    if not found:
        raise Http404
    (card,) = found
    given: Mapping[str, Any] = {
        name: getattr(card.campaign, name) or ""
        for name in ("key", "name", "channel", "product", "starts_on", "ends_on")
    }
    unfit = ""
    if visit.request.method == "POST":
        given = visit.request.POST
        try:
            write_campaign(visit.caller.workspace_id, _campaign_in(given), campaign_id=campaign_id)
        except CampaignRefused as refused:
            unfit = str(told.REFUSALS[refused.code])
        except ValueError:
            unfit = str(told.REFUSALS["bad_day"])
        else:
            visit.good(_("Kept."))
            return redirect("campaign", campaign_id)
    return visit.show(
        "sources/campaign.html",
        status=422 if unfit else 200,
        tab="campaigns",
        card=card,
        pieces=list(card.campaign.pieces.order_by("created_at", "id")),
        given=given,
        unfit=unfit,
        told=told,
    )


@require_POST
@page(Action.IMPORT_LEADS)
def change_campaign(visit: Visit, campaign_id: UUID, act: str) -> HttpResponse:
    """Delete a campaign; add, change or delete a piece of it."""
    form = visit.request.POST
    workspace_id = visit.caller.workspace_id
    try:
        if act == "delete":
            drop_campaign(workspace_id, campaign_id)
            visit.good(_("The campaign is gone."))
            return redirect("campaigns")
        if act == "piece":
            piece = UUID(form["piece"]) if form.get("piece") else None
            write_piece(workspace_id, campaign_id, _piece_in(form), piece_id=piece)
            visit.good(_("Kept."))
        elif act == "delete-piece":
            drop_piece(workspace_id, campaign_id, UUID(form.get("piece", "")))
            visit.good(_("It is gone; what was sent of it stays in the leads' stories."))
        else:
            raise Http404
    except (Campaign.DoesNotExist, Piece.DoesNotExist):
        raise Http404 from None
    except CampaignRefused as refused:
        visit.bad(str(told.REFUSALS[refused.code]))
    except ValueError:
        visit.bad(str(told.REFUSALS["bad_day"]))
    return redirect("campaign", campaign_id)


def _campaign_in(form: Mapping[str, Any]) -> dict[str, Any]:
    text = {name: str(form.get(name, "")).replace("\0", "") for name in ("key", "name", "channel", "product")}
    return {
        **text,
        "channel": text["channel"] or "other",
        "starts_on": _day(form, "starts_on"),
        "ends_on": _day(form, "ends_on"),
    }


def _piece_in(form: Mapping[str, Any]) -> dict[str, Any]:
    text = {name: str(form.get(name, "")).replace("\0", "") for name in ("title", "kind", "text", "url")}
    return {**text, "kind": text["kind"] or "mail", "text": text["text"][:100_000], "sent_on": _day(form, "sent_on")}


def _day(form: Mapping[str, Any], name: str) -> date | None:
    """The day in a field. Raises `ValueError` for what is none."""
    text = str(form.get(name, "")).strip()
    return date.fromisoformat(text) if text else None
