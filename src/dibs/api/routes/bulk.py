"""One act on many leads, for who leads others: handed over, sent back to a pool, given up."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Router

from dibs.api import answers
from dibs.api.documentation import writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem
from dibs.api.shapes import BulkIn, BulkOut
from dibs.api.tokens import Request, Token
from dibs.distribution import bulk
from dibs.distribution.acting import Refused
from dibs.insight.leads import leads_in_sight
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["leads"])


@router.post(
    "/leads/bulk",
    auth=Token(Action.ASSIGN_LEADS),
    response=writes({200: BulkOut}),
    summary="Assign, return or retire up to 1,000 leads",
)
def act_on_leads(request: Request, body: BulkIn) -> HttpResponse:
    """Answers each lead by its place. One that is refused does not keep the others out, and what is done already is not done
    again: after a break, send the same request once more."""
    caller = request.auth
    at = now()
    try:
        wanted = bulk.Wanted(body.act, rep=body.rep, pool=body.pool, why=body.why, note=body.note)
    except ValueError as unfit:
        raise Problem("invalid", f"{unfit}.") from None

    def write() -> HttpResponse:
        known = leads_in_sight(caller, body.leads, at)
        try:
            done = bulk.act_on_many(caller, wanted, body.leads, at, known=known.keys())
        except bulk.NoSuchPool:
            raise Problem("unknown_pool", f"The policy has no pool called {body.pool}.") from None
        except LookupError:
            raise Problem("unknown_rep", f"There is no active rep called {body.rep}.") from None
        items = [_told(caller, answer) | {"id": lead} for lead, answer in zip(body.leads, done, strict=True)]
        return answers.answer({"items": items})

    return once(request, caller, at, write)


def _told(caller: Caller, answer: bulk.Answer) -> dict[str, Any]:
    """What became of one lead."""
    if answer is None or isinstance(answer, Refused):
        return answers.not_done(caller, answer)
    outcome = "done" if answer.changed else "unchanged"
    return {"outcome": outcome, "state": answer.state, "pool": answer.pool, "owner": answer.owner}
