"""One lead: its facts, its clock, what can be done, and why it is where it is.

The page is made of parts, each a template in ``lead/parts/`` and a function that says what is in it, or ``None`` where there is nothing to
show. What a part needs it finds in the template as ``part``; what all need (``lead``, ``mine``, ``held``, ``leads_it``) beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from dibs.delivery.wording import titled
from dibs.distribution.models import PolicyVersion
from dibs.engine.lifecycle import ENDED, HELD
from dibs.insight.helping import team_of
from dibs.insight.sight import SeenLead, lead_in_sight
from dibs.insight.story import story_of_seen
from dibs.people.access import Action
from dibs.people.models import Rep
from dibs.web.assessing import assess_part
from dibs.web.forms import BLANK, CHOICES, Refilled
from dibs.web.opportunities import becoming_of, opportunity_part
from dibs.web.pool import CONTACT, skips_left
from dibs.web.questions import questions_part, score_part
from dibs.web.scoring import prediction_part
from dibs.web.shown import value_of
from dibs.web.telling import steps_of
from dibs.web.visit import Visit, page
from dibs.web.work import notes_part, sent_part, to_do_part

#: The facts in the order they are shown: what who speaks with them needs, then the others.
AT_HAND = ("name", "title", "phone", "email", "company", "product", "use_case", "deal_value", "message")
SHOWN = (
    "industry", "employees", "country", "region", "city", "postal_code", "source", "language", "territory", "account", "domain",
    "consent", "campaign", "received_at", "touches", "pages", "mails_opened", "last_touch_at",
)  # fmt: skip

#: What a part of the page shows of a lead to who looks; ``None``: nothing.
Shows = Callable[[Visit, SeenLead], Mapping[str, Any] | None]


@require_GET
@page(Action.SEE_LEADS)
def lead(visit: Visit, lead_id: UUID) -> HttpResponse:
    """The lead page. A lead that still waits is shown as its pool shows it."""
    seen = lead_in_sight(visit.caller, lead_id, visit.now)
    if seen is None:
        raise Http404
    return lead_page(visit, seen)


def lead_page(visit: Visit, seen: SeenLead, refilled: Refilled = BLANK, *, status: int = 200) -> HttpResponse:
    """The page of a lead that the visitor sees; with a form that was not accepted, if there was one."""
    main = list(_parts(visit, seen, MAIN))
    return visit.show(
        "lead/lead.html",
        status=status,
        refilled=refilled,
        tab="mine" if visit.has(seen) else "",
        top=list(_parts(visit, seen, TOP)),
        main=main,
        rest=list(_parts(visit, seen, REST)),
        jumps=_jumps({part["name"] for part in main}),
        **about(visit, seen),
        **_acts(visit, seen),
    )


def about(visit: Visit, seen: SeenLead) -> dict[str, Any]:
    """What every part of the page may need to know: the lead, and what the visitor is to it."""
    mine = visit.has(seen)
    return {
        "lead": seen,
        "mine": mine,
        "held": mine and seen["state"] in {"owned", "working"},
        "leads_it": visit.may_assign(seen),
    }


def _parts(visit: Visit, seen: SeenLead, parts: Sequence[tuple[str, Shows]]) -> Iterator[dict[str, Any]]:
    for name, shows in parts:
        shown = shows(visit, seen)
        if shown is not None:
            yield {"name": name, "template": f"lead/parts/{name}.html", **shown}


def _jumps(there: Collection[str]) -> list[tuple[str, str]]:
    """Where on the page to go at once, where there is much on it: anchors, each with what is there."""
    known = {
        "assess": ("assess", _("Assessment")),
        "questions": ("questions", _("Standard questions")),
        "notes": ("notes", _("Notes")),
        "to_do": ("to-do", _("What comes next")),
        "sent": ("sent", _("What they were sent")),
        "story": ("why", _("Its story")),
    }
    found = [known[name] for name, _shows in MAIN if name in there]
    return [*found, ("more", _("More facts"))] if len(found) > 2 else []


def _acts(visit: Visit, seen: SeenLead) -> dict[str, Any]:
    """What the buttons at the top need."""
    book = visit.eyes.book
    leads_it = visit.may_assign(seen)
    helps = seen["state"] in {"owned", "working"} and seen["id"] in visit.eyes.helps
    active = Rep.objects.filter(workspace_id=visit.caller.workspace_id, active=True).order_by("name")
    return {
        "helps": helps,
        "becoming": becoming_of(visit, seen),
        "may_nurture": seen["state"] in {"pooled", "offered", "owned", "review", "working"}
        and (leads_it or (visit.has(seen) and seen["state"] != "pooled")),
        "sequences": list(book.policy.nurture.sequences) if book else [],
        "may_reopen": seen["state"] == "retired" and (leads_it or visit.has(seen)),
        "reps": list(active.values_list("handle", "name")) if leads_it else [],
        "pools": [name for name, _mode in visit.pools] if leads_it else [],
        "may_claim": visit.caller.rep_id is not None and seen["state"] == "pooled",
        "skips": skips_left(visit) if seen.opens else None,
        "lock": book.policy.pools[seen["pool"]].lock if book and seen["pool"] in book.policy.pools else None,
        **CHOICES,
    }


def _clock_part(visit: Visit, seen: SeenLead) -> Mapping[str, Any]:
    until, starts = _clock(visit, seen)
    return {"until": until, "whole": (until - starts).total_seconds() if until and starts else 0}


def _facts(visit: Visit, seen: SeenLead) -> Mapping[str, Any]:
    return {
        "facts": [(name, value) for name in AT_HAND if (value := value_of(seen, name))],
        "hidden": [name for name in CONTACT if name in seen.hidden],
    }


def _more_facts(visit: Visit, seen: SeenLead) -> Mapping[str, Any]:
    return {
        "facts": [(name, value) for name in SHOWN if (value := value_of(seen, name))],
        "extra": [
            (titled(str(key)), value)
            for key, value in (seen.get("attributes") or {}).items()
            if value not in (None, "")
        ],
    }


def _team(visit: Visit, seen: SeenLead) -> Mapping[str, Any] | None:
    if seen["state"] not in HELD:
        return None
    team = team_of(visit.caller, seen)
    may_add = visit.has(seen) or visit.may_assign(seen)
    if not team and not may_add:
        return None
    helpers = {mate.rep for mate in team}
    active = Rep.objects.filter(workspace_id=visit.caller.workspace_id, active=True).order_by("name")
    could = active.exclude(handle__in={*helpers, seen.get("owner")}).values_list("handle", "name")
    return {"team": team, "may_add": may_add, "could_help": list(could) if may_add else []}


def _refused(visit: Visit, seen: SeenLead) -> Mapping[str, Any] | None:
    """That the person must not be contacted, before anything else."""
    return {} if seen.get("do_not_contact") else None


def _consent(visit: Visit, seen: SeenLead) -> Mapping[str, Any] | None:
    """Whether the person agreed to be contacted, for who may write it down."""
    if seen.level != "full" or seen["state"] in ENDED or not (visit.has(seen) or visit.may_assign(seen)):
        return None
    return {"given": seen.get("consent")}


def _story(visit: Visit, seen: SeenLead) -> Mapping[str, Any]:
    steps = list(steps_of(visit, story_of_seen(visit.caller, seen), seen))
    versions = PolicyVersion.objects.filter(workspace_id=visit.caller.workspace_id)
    number = next((step.version for step in reversed(steps) if step.version is not None), None)
    named = versions.filter(number=number).values_list("name", flat=True).first() if number is not None else None
    return {
        "steps": steps,
        "policy": (named, number),
        "becomes": _becomes(visit, seen),
        "may_try": seen.led and visit.caller.may(Action.TRY_POLICY),
    }


def _clock(visit: Visit, seen: SeenLead) -> tuple[datetime | None, datetime | None]:
    """When the time of who has it runs out, and when it began."""
    if seen["state"] not in {"owned", "offered"}:
        return None, None
    until = seen.get("lock_expires_at") or (seen.get("due_at") if seen.get("due_for") == "sla" else None)
    book, pool = visit.eyes.book, seen["pool"]
    lock = book.policy.pools[pool].lock if book and pool in book.policy.pools else None
    if until is None:
        return None, None
    return until, until - lock if lock and seen.get("taken_by") == "claimed" else None


def next_in_words(why: str) -> str | None:
    """What happens at a lead's next moment if nobody does anything; ``why`` is its ``due_for``."""
    return {
        "lock": _("Goes back to where it waited, if no contact is logged by then"),
        "offer": _("Goes to the next in line, if it is not accepted by then"),
        "warn": _("Its rep is told that time runs out, if nothing is done by then"),
        "sla": _("Contact is due by then"),
        "idle": _("Is handed on, if nothing is done by then"),
        "escalate": _("Goes on by itself, if nobody takes it by then"),
        "age_cap": _("Is given to somebody, if nobody takes it by then"),
        "stale": _("Is looked at again, if nothing happens until then"),
        "unready": _("Is given up, if it is not ready for sales by then"),
    }.get(why)


def _becomes(visit: Visit, seen: SeenLead) -> tuple[datetime, str] | None:
    """What happens next if nobody does anything."""
    at, why = seen.get("due_at"), seen.get("due_for")
    if at is None or at <= visit.now:
        return None
    said = next_in_words(str(why))
    return (at, said) if said else None


#: The parts, each group from the top. On a narrow screen they follow each other in this order, so that who speaks with a person finds
#: what they need first; on a wide one the first and the last are at the side.
TOP: Sequence[tuple[str, Shows]] = (
    ("refused", _refused),
    ("clock", _clock_part),
    ("opportunity", opportunity_part),
    ("facts", _facts),
)
MAIN: Sequence[tuple[str, Shows]] = (
    ("assess", assess_part),
    ("questions", questions_part),
    ("notes", notes_part),
    ("to_do", to_do_part),
    ("sent", sent_part),
    ("story", _story),
)
REST: Sequence[tuple[str, Shows]] = (
    ("more_facts", _more_facts),
    ("score", score_part),
    ("prediction", prediction_part),
    ("team", _team),
    ("consent", _consent),
)
