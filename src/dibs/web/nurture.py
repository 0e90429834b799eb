"""Mails to leads that are not ready for sales: the sequences with who is where in them, and each letter as a lead gets it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from dibs.delivery import mailing
from dibs.distribution.nurturing import letter_to, send_soon, sender_of
from dibs.engine.facts import LeadFacts
from dibs.engine.letters import Written
from dibs.engine.policy_nurture import Nurture
from dibs.insight.mails import lately_in, sequences
from dibs.insight.sight import lead_in_sight
from dibs.people.access import Action
from dibs.people.models import Role, User
from dibs.web.shown import number
from dibs.web.visit import Visit, page

#: The lead that letters are shown with while no other is chosen.
SOMEBODY = LeadFacts(name="Ana López", company="Cafetales del Sur", product="CRM")
_FILLED = ("name", "company", "product", "language")


@require_GET
@page(Action.SEE_POLICY)
def nurture(visit: Visit) -> HttpResponse:
    """Every sequence: its mails, who gets which next, what became of those who got one."""
    policy = _nurture(visit)
    return visit.show(
        "nurture/nurture.html",
        tab="nurture",
        sequences=sequences(visit.caller, policy),
        nurture=policy,
        sender=sender_of(policy),
        leaves=bool(settings.EMAIL_HOST),
        may_retry=visit.caller.may(Action.PUBLISH_POLICY),
        reachable=settings.PUBLIC_URL.startswith("https://"),
        public_url=settings.PUBLIC_URL,
    )


@require_GET
@page(Action.SEE_POLICY)
def letter(visit: Visit, mail: str, language: str) -> HttpResponse:
    """A letter in one language, as a lead gets it: somebody made up, or one that who sees them all chose."""
    policy = _nurture(visit)
    chosen = _chosen(visit)
    return visit.show(
        "nurture/letter.html",
        tab="nurture",
        mail=mail,
        language=language,
        languages=_languages(policy, mail, language),
        written=_written(visit, policy, mail, language, chosen),
        sender=sender_of(policy),
        lead=chosen,
        others=lately_in(visit.caller, visit.now) if visit.caller.role == Role.OPS else [],
        sequences=[name for name, one in policy.sequences.items() if mail in {step.mail for step in one.steps}],
        may_send=visit.caller.may(Action.PUBLISH_POLICY),
        address=_own_address(visit),
    )


@require_POST
@page(Action.PUBLISH_POLICY)
def send_test(visit: Visit, mail: str, language: str) -> HttpResponse:
    """Send a letter to oneself, as the made-up lead gets it."""
    policy = _nurture(visit)
    _languages(policy, mail, language)
    written = _written(visit, policy, mail, language, None)
    to, subject = _own_address(visit), _("Test: %(subject)s") % {"subject": written.subject}
    try:
        EmailMessage(subject, written.text, sender_of(policy), [to]).send()
    except (OSError, ValueError) as problem:
        visit.bad(_("The mail could not be sent: %(problem)s") % {"problem": " ".join(str(problem).split())[:300]})
    else:
        if settings.EMAIL_HOST:
            visit.good(_("Sent to %(address)s.") % {"address": to})
        else:
            visit.good(_("Laid down as a file: no mail server is named, so no mail leaves this house."))
    return redirect(reverse("letter", args=[mail, language]))


@require_POST
@page(Action.PUBLISH_POLICY)
def retry(visit: Visit) -> HttpResponse:
    """Try mails that failed once more, of one sequence or all."""
    sequence = visit.request.POST.get("sequence") or None
    count = mailing.try_again(visit.caller.workspace_id, visit.now, sequence)
    send_soon()
    said = ngettext("%(n)s mail is tried once more.", "%(n)s mails are tried once more.", count)
    visit.good(said % {"n": number(count)})
    return redirect("nurture")


def _nurture(visit: Visit) -> Nurture:
    book = visit.eyes.book
    return book.policy.nurture if book is not None else Nurture()


def _languages(policy: Nurture, mail: str, language: str) -> list[tuple[str, str]]:
    """The languages a mail is written in, with what they are called. Raises `Http404` for a mail that is not there, or not in this one."""
    letters = policy.mails.get(mail, {})
    if language not in letters:
        raise Http404
    return [(code, name) for code, name in settings.LANGUAGES if code in letters]


def _chosen(visit: Visit) -> Mapping[str, object] | None:
    """The lead that was chosen to see the letter with: one that the visitor sees in full."""
    try:
        lead_id = UUID(visit.request.GET.get("lead", ""))
    except ValueError:
        return None
    seen = lead_in_sight(visit.caller, lead_id, visit.now)
    if seen is None or seen.hidden:
        raise Http404
    return seen


def _written(visit: Visit, policy: Nurture, mail: str, language: str, lead: Mapping[str, object] | None) -> Written:
    facts = LeadFacts(**{name: lead.get(name) for name in _FILLED}) if lead is not None else SOMEBODY  # type: ignore[arg-type]
    link = f"{settings.PUBLIC_URL}/unsubscribe/…/"
    return letter_to(policy, mail, facts, unsubscribe=link, language=language)


def _own_address(visit: Visit) -> str:
    return str(User.objects.values_list("email", flat=True).get(id=visit.caller.user_id))
