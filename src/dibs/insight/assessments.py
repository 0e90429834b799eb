"""The assessments of a lead: the questionnaires that are for it, how far the caller has filled them in, and those that are done.

Only of a lead that the caller sees in full: answers say more of its person than a pool shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dibs.crm.models import Assessed
from dibs.distribution import policies
from dibs.distribution.families import accounts_by_id
from dibs.distribution.reading import lead_facts
from dibs.engine.assess import Graded, grade, offered
from dibs.engine.policy_assess import Assessment
from dibs.insight.sight import SeenLead, read_lead
from dibs.people.caller import Caller


@dataclass(frozen=True, slots=True)
class Offered:
    """A questionnaire for a lead, as the policy in force has it. ``answers``: what the caller has filled in of it, kept at
    ``kept_at``; ``None``: nothing yet. ``graded`` is what that comes to."""

    template: str
    questionnaire: Assessment
    answers: Mapping[str, str]
    graded: Graded
    kept_at: datetime | None


@dataclass(frozen=True, slots=True)
class Done:
    """An assessment that is on record. ``by`` is the name of who made it, ``None`` where they are gone."""

    id: UUID
    template: str
    at: datetime
    by: str | None
    score: int
    verdict: str
    answers: Mapping[str, str]
    policy_version: int | None


def offered_on(caller: Caller, seen: SeenLead, now: datetime) -> list[Offered]:
    """The questionnaires for a lead that somebody works on, and those that the caller has begun, in the policy's order; none, of one that
    is seen masked, or that nobody has."""
    active = policies.active(caller.workspace_id)
    if seen.level != "full" or seen["state"] not in {"owned", "working"} or active is None:
        return []
    row = read_lead(caller.workspace_id, seen["id"])
    if row is None:
        return []
    account = accounts_by_id(caller.workspace_id, [row["account_id"]]).get(row["account_id"])
    for_such = offered(active.book, lead_facts(row), account, now)
    drafts = {
        draft.template: draft
        for draft in Assessed.objects.filter(
            workspace_id=caller.workspace_id, lead_id=seen["id"], by_id=caller.user_id, finished_at__isnull=True
        )
    }
    found = []
    for template, questionnaire in active.book.policy.assessments.items():
        if template in for_such or template in drafts:
            draft = drafts.get(template)
            answers = still_there(questionnaire, draft.answers) if draft is not None else {}
            kept_at = draft.at if draft is not None else None
            found.append(Offered(template, questionnaire, answers, grade(questionnaire, answers), kept_at))
    return found


def still_there(questionnaire: Assessment, answers: Mapping[str, str]) -> dict[str, str]:
    """Those of these answers that the questionnaire still knows: a policy may have changed since they were given."""
    questions = questionnaire.questions
    return {name: said for name, said in answers.items() if name in questions and said in questions[name].answers}


def done_on(caller: Caller, seen: SeenLead) -> list[Done]:
    """The assessments that are on record, newest first; none, of a lead that is seen masked."""
    if seen.level != "full":
        return []
    found = Assessed.objects.filter(
        workspace_id=caller.workspace_id, lead_id=seen["id"], finished_at__isnull=False
    ).order_by("-finished_at", "-id")
    return [
        Done(
            each.id,
            each.template,
            each.finished_at,
            each.by.name if each.by else None,
            each.score,
            each.verdict,
            each.answers,
            each.policy_version,
        )
        for each in found.select_related("by")
        if each.finished_at is not None
    ]
