"""One rep: hours, strengths, teams, time off, calendar, switch. For who leads them, and what is theirs to say for the rep too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Router

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem
from dibs.api.routes.acts import id_in
from dibs.api.shapes_of_people import CalendarIn, OffIn, OffOut, RepChange, RepInFull, Switch, TimeOffPage
from dibs.api.tokens import Request, Token
from dibs.delivery.words import UNFIT
from dibs.distribution import presence
from dibs.insight.person import NotTheirs, Off, person, rep_called
from dibs.people import particulars
from dibs.people.access import Action
from dibs.people.caller import Caller
from dibs.people.models import Rep, TimeOff
from dibs.people.particulars import Unfit

router = Router(tags=["people"])

_EDIT = Token(Action.EDIT_REPS)
_OWN = Token(Action.SET_SELF)

#: How a route finds the rep that it is about.
Find = Callable[[Caller], Rep]


@router.get("/reps/{handle}", auth=Token(Action.SEE_REPS), response=reads(RepInFull), summary="Get a rep in full")
def get_rep(request: Request, handle: str) -> HttpResponse:
    """For the rep and for who leads them; others: `not_your_rep`."""
    return _shown(request.auth, _of_handle(handle))


@router.patch("/reps/{handle}", auth=_EDIT, response=writes({200: RepInFull}), summary="Change a rep")
def change_rep(request: Request, handle: str, body: RepChange) -> HttpResponse:
    """What is given changes, all of it or nothing. For operations, and for a manager those of their own teams."""

    def write(caller: Caller) -> HttpResponse:
        rep, changes = _led(handle)(caller), body.model_dump(exclude_unset=True)
        teams, available = changes.pop("teams", None), changes.pop("available", None)
        with transaction.atomic():
            particulars.edit(rep, changes)
            if teams is not None:
                particulars.set_teams(caller, rep, teams)
            if available is not None:
                presence.switch(caller, rep.id, available, now())
        return _shown(caller, lambda _: rep, again=True)

    return _written(request, write)


@router.get("/me/time-off", auth=_OWN, response=reads(TimeOffPage), summary="List one's own time off")
def list_my_time_off(request: Request) -> HttpResponse:
    """What is not over."""
    return _all_off(request.auth, _oneself)


@router.get("/reps/{handle}/time-off", auth=_EDIT, response=reads(TimeOffPage), summary="List a rep's time off")
def list_time_off(request: Request, handle: str) -> HttpResponse:
    """What is not over."""
    return _all_off(request.auth, _led(handle))


@router.post("/me/time-off", auth=_OWN, response=writes({201: OffOut}), summary="Take time off")
def take_my_time_off(request: Request, body: OffIn) -> HttpResponse:
    """Nothing is given to the caller then. Leads that they have stay theirs."""
    return _take_off(request, _oneself, body)


@router.post("/reps/{handle}/time-off", auth=_EDIT, response=writes({201: OffOut}), summary="Give a rep time off")
def take_time_off(request: Request, handle: str, body: OffIn) -> HttpResponse:
    """Nothing is given to the rep then. Leads that they have stay theirs."""
    return _take_off(request, _led(handle), body)


@router.delete("/me/time-off/{id}", auth=_OWN, response=writes({204: None}), summary="Take one's time off back")
def end_my_time_off(request: Request, id: str) -> HttpResponse:
    """What is under way ends now."""
    return _end_off(request, _oneself, id)


@router.delete(
    "/reps/{handle}/time-off/{id}", auth=_EDIT, response=writes({204: None}), summary="Take a rep's time off back"
)
def end_time_off(request: Request, handle: str, id: str) -> HttpResponse:
    """What is under way ends now."""
    return _end_off(request, _led(handle), id)


@router.put("/me/calendar", auth=_OWN, response=writes({200: RepInFull}), summary="Connect one's calendar")
def connect_my_calendar(request: Request, body: CalendarIn) -> HttpResponse:
    """It is read within a minute or so, and then every few minutes; while the caller has an appointment, nothing is given to them."""
    return _connect(request, _oneself, body)


@router.put(
    "/reps/{handle}/calendar", auth=_EDIT, response=writes({200: RepInFull}), summary="Connect a rep's calendar"
)
def connect_calendar(request: Request, handle: str, body: CalendarIn) -> HttpResponse:
    """It is read within a minute or so, and then every few minutes; while the rep has an appointment, nothing is given to them."""
    return _connect(request, _led(handle), body)


@router.delete("/me/calendar", auth=_OWN, response=writes({204: None}), summary="Disconnect one's calendar")
def disconnect_my_calendar(request: Request) -> HttpResponse:
    """What it said is forgotten."""
    return _disconnect(request, _oneself)


@router.delete(
    "/reps/{handle}/calendar", auth=_EDIT, response=writes({204: None}), summary="Disconnect a rep's calendar"
)
def disconnect_calendar(request: Request, handle: str) -> HttpResponse:
    """What it said is forgotten."""
    return _disconnect(request, _led(handle))


@router.post("/me/availability", auth=_OWN, response=writes({200: RepInFull}), summary="Turn one's switch")
def switch(request: Request, body: Switch) -> HttpResponse:
    """Whether leads may be given to the caller, hours and calendar permitting."""

    def write(caller: Caller) -> HttpResponse:
        presence.switch(caller, _oneself(caller).id, body.available, now())
        return _shown(caller, _oneself)

    return _written(request, write)


# -- What is the same for oneself and for another ------------------------------------------------------------------------


def _of_handle(handle: str) -> Find:
    def find(caller: Caller) -> Rep:
        rep = rep_called(caller, handle)
        if rep is None:
            raise Problem("not_found")
        return rep

    return find


def _led(handle: str) -> Find:
    """A rep whom the caller leads."""

    def find(caller: Caller) -> Rep:
        rep = _of_handle(handle)(caller)
        if not particulars.leads(caller, rep):
            raise Problem("not_your_rep")
        return rep

    return find


def _oneself(caller: Caller) -> Rep:
    if caller.rep_id is None:
        raise Problem("not_a_rep", "This is for reps: the caller is none.")
    return Rep.objects.defer("face").get(id=caller.rep_id)


def _written(request: Request, write: Callable[[Caller], HttpResponse]) -> HttpResponse:
    """Do it once, and say what did not fit."""
    caller = request.auth

    def fitting() -> HttpResponse:
        try:
            return write(caller)
        except Unfit as unfit:
            error = {"where": [unfit.field], "code": unfit.code, "message": UNFIT[unfit.code]}
            raise Problem("invalid", f"{unfit.field}: {UNFIT[unfit.code]}", errors=[error]) from None

    return once(request, caller, now(), fitting)


def _shown(caller: Caller, find: Find, *, again: bool = False) -> HttpResponse:
    rep = find(caller)
    if again:
        rep.refresh_from_db(fields=["available", "away_why", "away_since"])
    try:
        found = person(caller, rep, now())
    except NotTheirs:
        raise Problem("not_your_rep") from None
    told = {name: value for name, value in asdict(found).items() if name not in {"id", "leads"}}
    if told["calendar"] is not None:
        told["calendar"]["problem"] = told["calendar"]["problem"] or None
    return answers.answer(told)


def _off(off: Off | TimeOff) -> dict[str, Any]:
    return {"id": off.id, "starts": off.starts, "ends": off.ends, "note": off.note}


def _all_off(caller: Caller, find: Find) -> HttpResponse:
    found = person(caller, find(caller), now())
    return answers.answer({"items": [_off(off) for off in found.time_off], "next": None})


def _take_off(request: Request, find: Find, body: OffIn) -> HttpResponse:
    def write(caller: Caller) -> HttpResponse:
        rep = find(caller)
        if body.first_day is not None and body.last_day is not None:
            starts, ends = particulars.days_off(rep.timezone, body.first_day, body.last_day)
        else:
            assert body.starts is not None
            assert body.ends is not None
            starts, ends = body.starts, body.ends
        return answers.answer(_off(particulars.take_off(rep, starts, ends, body.note, now())), 201)

    return _written(request, write)


def _end_off(request: Request, find: Find, id: str) -> HttpResponse:
    def write(caller: Caller) -> HttpResponse:
        if not particulars.back(find(caller), id_in(id), now()):
            raise Problem("not_found")
        return HttpResponse(status=204)

    return _written(request, write)


def _connect(request: Request, find: Find, body: CalendarIn) -> HttpResponse:
    def write(caller: Caller) -> HttpResponse:
        rep = find(caller)
        particulars.connect_calendar(rep, body.url)
        return _shown(caller, lambda _: rep)

    return _written(request, write)


def _disconnect(request: Request, find: Find) -> HttpResponse:
    def write(caller: Caller) -> HttpResponse:
        if not particulars.disconnect_calendar(find(caller)):
            raise Problem("not_found")
        return HttpResponse(status=204)

    return _written(request, write)
