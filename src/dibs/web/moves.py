"""Moves: many leads handed on in one step. What would happen is shown first; then how far it is; then it can be undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dibs.delivery.wording import active_language, say, sentence, titled
from dibs.distribution import moving
from dibs.distribution.dealing import Aim, Kind, Way
from dibs.distribution.models import Move
from dibs.distribution.moving import MoveRefused, Wanted
from dibs.engine.reasons import MOVING
from dibs.insight.leads import leads_in_sight
from dibs.insight.moves import (
    Item,
    MoveCard,
    RepShare,
    items_page,
    move_in_sight,
    moves_page,
    open_leads_found,
    shares_of,
)
from dibs.insight.pages import BadCursor
from dibs.people.access import Action
from dibs.people.models import Rep, Role, Team
from dibs.web.opportunities import open_ones_of
from dibs.web.shown import called
from dibs.web.visit import Visit, page

#: What a move can be planned from: a rep's leads, a leave, a leaving, what leads have in common.
WHATS = ("rep", "leave", "leaving", "filter")
#: What leads can be found by.
_FILTERS = ("state", "owner", "pool", "rank", "country", "source", "industry")
#: Lines of a move's leads on one page.
_ROWS = 100
_STATES = ("pooled", "offered", "owned", "working", "review")


class CannotMove(Exception):
    """What was filled in cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """One lead of a move, in words; ``link`` if the visitor may open it."""

    lead: UUID
    name: str
    link: bool
    before: str
    after: str
    why: str
    tone: str


@require_http_methods(["GET"])
@page(Action.MOVE_LEADS)
def moves(visit: Visit) -> HttpResponse:
    """The moves there were, and what a new one can be planned from."""
    try:
        found = moves_page(visit.caller, cursor=visit.request.GET.get("cursor") or None, limit=30)
    except BadCursor:
        return redirect("moves")
    return visit.show(
        "moves/moves.html",
        tab="moves",
        moves=[(card, _what(visit, card), _where(visit, card.to)) for card in found.items],
        next_page=found.next,
        whats=[(what, _offered(what)) for what in WHATS if what != "leaving" or visit.caller.role == Role.OPS],
        states=_states(),
    )


@require_http_methods(["GET", "POST"])
@page(Action.MOVE_LEADS)
def new_move(visit: Visit, what: str) -> HttpResponse:
    """Say which leads and where to, and see what would happen."""
    if what not in WHATS:
        raise Http404
    if what == "leaving" and visit.caller.role != Role.OPS:
        raise PermissionDenied
    given, unfit = cast(Mapping[str, str], visit.request.GET), ""
    if visit.request.method == "POST":
        given = cast(Mapping[str, str], visit.request.POST)
        try:
            move = _plan(visit, what, given)
        except CannotMove as problem:
            unfit = str(problem)
        else:
            return redirect("move", move.id)
    reps = _reps(visit)
    return visit.show(
        "moves/new.html",
        status=422 if unfit else 200,
        tab="moves",
        what=what,
        title=_offered(what),
        given=given,
        unfit=unfit,
        reps=list(reps.values_list("handle", "name", "active")),
        teams=list(_teams(visit).values_list("slug", "name")),
        pools=_pools(visit),
        ways=_ways(),
        bys=_bys(),
        lead_states=_STATES,
        today=visit.now.astimezone(ZoneInfo(visit.timezone)).date().isoformat(),
    )


@require_GET
@page(Action.MOVE_LEADS)
def move(visit: Visit, move_id: UUID) -> HttpResponse:
    """One move: whom it concerns, lead by lead, how far it is, and what can be done with it."""
    card = move_in_sight(visit.caller, move_id)
    if card is None:
        raise Http404
    asked = visit.request.GET
    try:
        found = items_page(visit.caller, move_id, cursor=asked.get("cursor") or None, limit=_ROWS)
    except BadCursor:
        return redirect("move", move_id)
    assert found is not None
    shares = shares_of(visit.caller, move_id)
    return visit.show(
        "moves/move.html",
        tab="moves",
        move=card,
        what=_what(visit, card),
        where=_where(visit, card.to),
        states=_states(),
        shares=shares,
        zone=_zone(visit, card.rep),
        most=max([max(share.open_leads, _later(card, share)) for share in shares.reps] + [1]),
        later={share.rep: _later(card, share) for share in shares.reps},
        lines=_lines(visit, list(found.items)),
        next_page=found.next,
        problem=_problem(card.problem, "") if card.problem else "",
        undoable=card.moved - card.undone,
        theirs=open_ones_of(visit, card.rep) if card.kind == "leaving" and card.rep is not None else None,
    )


@require_GET
@page(Action.MOVE_LEADS)
def progress(visit: Visit, move_id: UUID) -> HttpResponse:
    """How far a move is, for the page that shows it; once it is through, the page is to be read anew."""
    card = move_in_sight(visit.caller, move_id)
    if card is None:
        raise Http404
    answer = visit.part("moves/progress.html", move=card, states=_states())
    if card.state not in {"running", "undoing"}:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
@page(Action.MOVE_LEADS)
def act_on_move(visit: Visit, move_id: UUID, act: str) -> HttpResponse:
    """Start a move, drop it, or undo it."""
    acts = {"start": moving.start, "drop": moving.drop, "undo": moving.undo}
    if act not in acts:
        raise Http404
    try:
        done = acts[act](visit.caller, move_id, visit.now)
    except MoveRefused as refused:
        visit.bad(_problem(refused.code, refused.what))
        return redirect("move", move_id)
    if done is None:
        raise Http404
    if act == "drop":
        visit.good(_("Dropped. Nothing was moved."))
    return redirect("move", move_id)


def planned(visit: Visit, leads: list[UUID]) -> Move:
    """A move of these leads by the policy, to look at. Raises `CannotMove`."""
    try:
        return moving.plan(visit.caller, Wanted(), visit.now, leads)
    except MoveRefused as refused:
        raise CannotMove(_problem(refused.code, refused.what)) from None


def _plan(visit: Visit, what: str, form: Mapping[str, str]) -> Move:
    asked = {name: value for name in _FILTERS if (value := form.get(f"f-{name}", "").replace("\0", "").strip()[:200])}
    leads: list[UUID] = []
    if what == "filter":
        if not asked:
            raise CannotMove(_("Say what the leads have in common."))
        if asked.get("state") not in {None, *_STATES}:
            raise CannotMove(_("Say what the leads have in common."))
        leads = open_leads_found(visit.caller, asked, limit=moving.MOST + 1, now=visit.now)
        if not leads:
            raise CannotMove(_("There is no open lead like that."))
    rep = form.get("rep", "") or None
    if what != "filter" and rep is None:
        raise CannotMove(_("Say whose leads they are."))
    since, until = _span(visit, form, rep) if what == "leave" else (None, None)
    wanted = Wanted(
        kind=cast(Kind, what if what in {"leave", "leaving"} else "bulk"),
        aim=_aim(form),
        why=form.get("why", "").replace("\0", "").strip()[:500],
        rep=None if what == "filter" else rep,
        uncontacted=what != "filter" and form.get("uncontacted") == "yes",
        since=since,
        until=until,
        at_start=since is not None and form.get("at_start") == "yes",
        asked=asked or None,
    )
    try:
        return moving.plan(visit.caller, wanted, visit.now, leads)
    except MoveRefused as refused:
        raise CannotMove(_problem(refused.code, refused.what)) from None


def _aim(form: Mapping[str, str]) -> Aim:
    way = form.get("way", "policy")
    if way not in dict(_ways()):
        raise CannotMove(_("Say where they go."))
    name = form.get(f"to-{way}", "")
    if way != "policy" and not name:
        raise CannotMove(_("Say where they go."))
    by = form.get("by", "round_robin")
    return Aim(cast(Way, way), "" if way == "policy" else name, by if by in dict(_bys()) else "round_robin")


def _span(visit: Visit, form: Mapping[str, str], handle: str | None) -> tuple[datetime | None, datetime | None]:
    """From the first day of the leave to the end of its last, in the rep's own zone; neither: the time off is written down already."""
    first, last = form.get("first_day", ""), form.get("last_day", "")
    if not first and not last:
        return None, None
    try:
        days = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise CannotMove(_("Give the first and the last day of the leave.")) from None
    if not 2000 <= days[0].year <= 2200 or not 2000 <= days[1].year <= 2199 or days[1] < days[0]:
        raise CannotMove(_("The last day comes before the first."))
    tz = ZoneInfo(_zone(visit, handle))
    since, until = (datetime(day.year, day.month, day.day, tzinfo=tz) for day in (days[0], days[1] + timedelta(days=1)))
    return since, until


def _zone(visit: Visit, handle: str | None) -> str:
    """The rep's own time zone: days of a leave are theirs, wherever the visitor is."""
    zones = Rep.objects.filter(workspace_id=visit.caller.workspace_id, handle=handle).values_list("timezone", flat=True)
    return zones.first() or "UTC"


def _reps(visit: Visit) -> QuerySet[Rep]:
    """Whose leads the visitor may move, and to whom."""
    reps = Rep.objects.filter(workspace_id=visit.caller.workspace_id).order_by("-active", "name")
    return reps if visit.caller.role == Role.OPS else reps.filter(teams__slug__in=visit.caller.manages).distinct()


def _teams(visit: Visit) -> QuerySet[Team]:
    teams = Team.objects.filter(workspace_id=visit.caller.workspace_id).order_by("name")
    return teams if visit.caller.role == Role.OPS else teams.filter(slug__in=visit.caller.manages)


def _pools(visit: Visit) -> list[str]:
    book = visit.eyes.book
    return [name for name, pool in book.policy.pools.items() if visit.caller.oversees(pool.teams)] if book else []


def _offered(what: str) -> str:
    return {
        "rep": _("Hand on what a rep has"),
        "leave": _("Somebody goes on leave"),
        "leaving": _("Somebody leaves the company"),
        "filter": _("Leads that have something in common"),
    }[what]


def _ways() -> list[tuple[str, str]]:
    return [
        ("policy", _("Wherever the policy puts each")),
        ("team", _("To a team")),
        ("rep", _("To one rep")),
        ("pool", _("Into a pool")),
        ("review", _("Before managers")),
    ]


def _bys() -> list[tuple[str, str]]:
    return [
        ("round_robin", _("in turn")),
        ("weighted_round_robin", _("in turn, by weight")),
        ("least_open", _("the fewest open leads first")),
        ("best_match", _("the best match first")),
        ("first_available", _("whoever had none for the longest time first")),
    ]


def _states() -> dict[str, str]:
    return {
        "planned": _("planned"),
        "waiting": _("waits for the leave to begin"),
        "running": _("under way"),
        "done": _("done"),
        "undoing": _("being undone"),
        "undone": _("undone"),
        "failed": _("stopped"),
        "dropped": _("dropped"),
    }


def _what(visit: Visit, card: MoveCard) -> str:
    """What a move is, as its headline."""
    name = visit.names.get(card.rep or "", card.rep or "")
    if card.kind == "leave":
        return _("%(name)s goes on leave") % {"name": name}
    if card.kind == "leaving":
        return _("%(name)s leaves") % {"name": name}
    if card.kind == "border":
        return _("The borders of the territories moved")
    if card.rep is not None:
        return _("What %(name)s has") % {"name": name}
    if card.asked is not None:
        if not card.asked:
            return _("All open leads")
        return _("Leads like this: %(what)s") % {"what": ", ".join(titled(str(value)) for value in card.asked.values())}
    return _("Leads chosen one by one")


def _where(visit: Visit, to: Mapping[str, Any]) -> str:
    if "rep" in to:
        return _("to %(name)s") % {"name": visit.names.get(to["rep"], to["rep"])}
    if "team" in to:
        return _("to the team %(name)s") % {"name": titled(to["team"])}
    if "pool" in to:
        return _("into %(pool)s") % {"pool": titled(to["pool"])}
    if "review" in to:
        return _("before managers")
    return _("as the policy says")


def _later(card: MoveCard, share: RepShare) -> int:
    """How many open leads a rep has after a move that is still to come; what is done already counts in what they have."""
    return share.open_leads - share.loses + share.gets if card.state in {"planned", "waiting"} else share.open_leads


def _lines(visit: Visit, items: list[Item]) -> list[Line]:
    seen = leads_in_sight(visit.caller, [item.lead for item in items], visit.now)
    language = active_language()
    lines = []
    for item in items:
        lead = seen.get(item.lead)
        why, tone = "", ""
        if item.code:
            why, tone = _problem(item.code, ""), "soft" if item.state in {"planned", "kept"} else "warm"
        elif item.state == "undone":
            why = _("undone")
        elif item.because:
            why = sentence(say(item.because, language, visit.names, visit.timezone), language)
        lines.append(
            Line(
                item.lead,
                called(lead) if lead is not None else _("Lead"),
                lead is not None,
                _place(visit, item.before),
                "" if item.code else _place(visit, item.after),
                why,
                tone,
            )
        )
    return lines


def _place(visit: Visit, place: Mapping[str, Any]) -> str:
    if place.get("rep"):
        return str(visit.names.get(place["rep"], place["rep"]))
    if place.get("pool"):
        return str(titled(place["pool"]))
    return _("the managers")


def _problem(code: str, what: str) -> str:
    """Why something could not be done, in words."""
    language = active_language()
    if code in MOVING or code in {"not_led", "already_ended", "not_now", "inactive"}:
        texts = {
            "not_led": _("It is not among those you lead any more."),
            "already_ended": _("It is over with this lead."),
            "not_now": _("It is not ready to be given to anybody."),
            "inactive": _("Who had it is not active any more."),
        }
        return texts.get(code) or sentence(say({"code": code, "params": {}}, language), language)
    return {
        "move_too_large": _("These are more leads than one move takes. Narrow it down."),
        "move_not_now": _("That has been decided already."),
        "move_outdated": _("Another policy is in force since this was planned. Plan it once more."),
        "not_your_team": _("That is not of a team that you lead."),
        "no_policy": _("Publish a policy first."),
        "unknown_rep": _("Choose somebody who is active, and not the one whose leads they are."),
        "unknown_team": _("Choose a team."),
        "unknown_pool": _("Choose a pool."),
        "bad_span": _("The leave has to end after it begins, and not be over yet."),
        "not_allowed": _("Who planned it may not move leads any more."),
    }.get(code, code)
