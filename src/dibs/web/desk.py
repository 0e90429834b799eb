"""What is done with a lead once somebody has it: one address for each act, one form for each address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods

from dibs.distribution import acting, helping
from dibs.distribution.consenting import set_consent
from dibs.distribution.setting_aside import nurture, reopen
from dibs.insight.sight import lead_in_sight, may_know_of
from dibs.people.access import Action
from dibs.web import work
from dibs.web.forms import Refilled, Unfit, amount_in, currency_in, day_in, lease, once_in, text_in
from dibs.web.lead import lead_page
from dibs.web.questions import answered
from dibs.web.visit import Visit, page


@dataclass(frozen=True, slots=True)
class Act:
    """Who may, how it is done, and what is said then."""

    action: Action
    does: Callable[[Visit, UUID, Mapping[str, str]], acting.Answer]
    done: str


def _note(form: Mapping[str, str], name: str = "note") -> str:
    return form.get(name, "").replace("\0", "").strip()[:2000]


def _contact(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    kind = form.get("kind", "call")
    if kind not in acting.CONTACT_KINDS:
        raise Unfit(_("Say what kind of contact it was."))
    outcome = form.get("outcome", "")
    if outcome and outcome not in acting.OUTCOMES:
        raise Unfit(_("Say what came of it."))
    return acting.contact(
        visit.caller,
        lead,
        visit.now,
        kind=kind,
        note=_note(form),
        outcome=outcome,
        claim=lease(form),
        new=once_in(visit, lead, form),
    )


def _convert(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    try:
        return acting.convert(
            visit.caller,
            lead,
            visit.now,
            name=text_in(form, "name", 300),
            amount=amount_in(form),
            currency=currency_in(form),
            stage=form.get("stage") or None,
            close_on=day_in(form, "close_on"),
            close=form.get("close") == "yes",
            note=_note(form),
            claim=lease(form),
        )
    except acting.UnknownStage:
        raise Unfit(_("Choose a stage.")) from None


def _retire(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    why = form.get("why", "")
    if why not in acting.RETIRE_REASONS:
        raise Unfit(_("Say why it is given up."))
    return acting.retire(visit.caller, lead, visit.now, why=why, note=_note(form), claim=lease(form))


def _nurture(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    try:
        return nurture(visit.caller, lead, visit.now, form.get("sequence") or None, why=_note(form, "why"))
    except LookupError:
        raise Unfit(_("Choose which mails it gets.")) from None


def _assign(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    try:
        return acting.assign(visit.caller, lead, form.get("rep", ""), visit.now, why=_note(form, "why"))
    except LookupError:
        raise Unfit(_("Choose who gets it.")) from None


def _return(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    try:
        return acting.return_to_pool(visit.caller, lead, form.get("pool", ""), visit.now, why=_note(form, "why"))
    except LookupError:
        raise Unfit(_("Choose a pool.")) from None


def _help(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    try:
        return helping.add_helper(visit.caller, lead, form.get("rep", ""), visit.now)
    except LookupError:
        raise Unfit(_("Choose who could help.")) from None


def _unhelp(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    try:
        return helping.remove_helper(visit.caller, lead, form.get("rep", ""), visit.now)
    except LookupError:
        raise Unfit(_("Nobody of that name is on it.")) from None


def _consent(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    given = {"yes": True, "no": False}.get(form.get("given", ""))
    if given is None:
        raise Unfit(_("Say whether they agreed."))
    return set_consent(visit.caller, lead, given, visit.now)


ACTS: Mapping[str, Act] = {
    "contact": Act(Action.WORK_LEADS, _contact, gettext_noop("Contact logged. It stays yours.")),
    "release": Act(
        Action.WORK_LEADS,
        lambda visit, lead, form: acting.release(
            visit.caller, lead, visit.now, why=_note(form, "why"), claim=lease(form)
        ),
        gettext_noop("Given back."),
    ),
    "accept": Act(
        Action.WORK_LEADS,
        lambda visit, lead, form: acting.accept(visit.caller, lead, visit.now, claim=lease(form)),
        gettext_noop("It is yours."),
    ),
    "decline": Act(
        Action.WORK_LEADS,
        lambda visit, lead, form: acting.reject(
            visit.caller, lead, visit.now, why=_note(form, "why"), claim=lease(form)
        ),
        gettext_noop("Declined. It goes to the next in line."),
    ),
    "convert": Act(Action.WORK_LEADS, _convert, gettext_noop("Converted. Well done.")),
    "reopen": Act(
        Action.WORK_LEADS,
        lambda visit, lead, form: reopen(visit.caller, lead, visit.now, why=_note(form, "why")),
        gettext_noop("Reopened, and placed as if it had just come."),
    ),
    "answer": Act(Action.WORK_LEADS, answered, gettext_noop("Written down, and counted.")),
    "nurture": Act(Action.WORK_LEADS, _nurture, gettext_noop("Away from sales for now.")),
    "retire": Act(Action.WORK_LEADS, _retire, gettext_noop("Given up, with the reason on record.")),
    "consent": Act(Action.WORK_LEADS, _consent, gettext_noop("Written down.")),
    "note": Act(Action.WORK_LEADS, work.DOES["note"], gettext_noop("Note kept.")),
    "change-note": Act(Action.WORK_LEADS, work.DOES["change-note"], gettext_noop("Note changed.")),
    "delete-note": Act(Action.WORK_LEADS, work.DOES["delete-note"], gettext_noop("Note taken back.")),
    "plan": Act(Action.WORK_LEADS, work.DOES["plan"], gettext_noop("Written down.")),
    "activity-done": Act(Action.WORK_LEADS, work.DOES["activity-done"], gettext_noop("Done, and on record.")),
    "drop-activity": Act(Action.WORK_LEADS, work.DOES["drop-activity"], gettext_noop("Not planned any more.")),
    "appoint": Act(Action.WORK_LEADS, work.DOES["appoint"], gettext_noop("Appointment made. You count as busy then.")),
    "change-appointment": Act(
        Action.WORK_LEADS,
        work.DOES["change-appointment"],
        gettext_noop("Appointment changed. Download it anew, and your calendar follows."),
    ),
    "cancel-appointment": Act(
        Action.WORK_LEADS, work.DOES["cancel-appointment"], gettext_noop("Appointment cancelled.")
    ),
    "follow-up": Act(Action.WORK_LEADS, work.DOES["follow-up"], gettext_noop("Written down.")),
    "help": Act(Action.WORK_LEADS, _help, gettext_noop("They see it now and may help.")),
    "unhelp": Act(Action.WORK_LEADS, _unhelp, gettext_noop("Not on it any more.")),
    "assign": Act(Action.ASSIGN_LEADS, _assign, gettext_noop("Handed over.")),
    "return": Act(Action.ASSIGN_LEADS, _return, gettext_noop("Back in the pool, where its wait begins anew.")),
}


@require_http_methods(["GET", "POST"])
@page(Action.SEE_LEADS)
def act(visit: Visit, lead_id: UUID, act: str) -> HttpResponse:
    """Do one of `ACTS` to a lead that the visitor may know of. A form that is not accepted comes back as it was filled in, at this
    address; who opens that later is taken to the lead."""
    wanted = ACTS.get(act)
    if wanted is None:
        raise Http404
    if visit.request.method == "GET":
        return redirect("lead", lead_id)
    if not visit.caller.may(wanted.action):
        raise PermissionDenied
    if not may_know_of(visit.caller, lead_id, visit.now):
        raise Http404
    try:
        answer = wanted.does(visit, lead_id, visit.request.POST)
    except Unfit as unfit:
        return _once_more(visit, lead_id, act, [str(unfit)], status=422)
    if answer is None:
        raise Http404
    if isinstance(answer, acting.Refused):
        return _once_more(visit, lead_id, act, visit.refusal(answer.refusal), status=409)
    visit.good(_(wanted.done))
    if lead_in_sight(visit.caller, lead_id, visit.now) is None:
        return redirect("mine" if visit.caller.rep_id else "home")
    return visit.back(reverse("lead", args=[lead_id]))


def _once_more(visit: Visit, lead_id: UUID, act: str, why: Sequence[str], *, status: int) -> HttpResponse:
    """Say why not; on the lead's page with the form as it was filled in, elsewhere on the page that it was sent from."""
    visit.bad(*why)
    visit.look_again()
    seen = lead_in_sight(visit.caller, lead_id, visit.now)
    if seen is None:
        return redirect("mine" if visit.caller.rep_id else "home")
    if "next" in visit.request.POST:
        return visit.back(reverse("lead", args=[lead_id]))
    return lead_page(visit, seen, Refilled(act, " ".join(why), visit.request.POST.dict()), status=status)
