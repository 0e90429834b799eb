"""Assessing leads: a rep fills in one of the policy's questionnaires with the person of a lead, and the lead goes where that says.

What is filled in is kept as a draft with each answer, so that a window closed by mistake loses nothing. Finishing it is a contact, and
all that comes of it is one transaction: the lead is scored anew, and stays, goes on, or ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from dibs.crm.models import Assessed
from dibs.distribution import policies
from dibs.distribution.acting import contacted, retired
from dibs.distribution.families import accounts_by_id
from dibs.distribution.reading import Row, lead_facts, seed_for
from dibs.distribution.scene import Answer, Refused, Scene, act
from dibs.distribution.touching import Told, looked_at
from dibs.distribution.writing import Outcome, placing
from dibs.engine import assess, consequences, reassign
from dibs.engine.assess import Graded
from dibs.engine.decision import Reason
from dibs.engine.facts import AccountFacts
from dibs.engine.policy_assess import Assessment
from dibs.engine.policy_terms import is_name
from dibs.engine.qualify import qualify
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

__all__ = ["Incomplete", "UnknownAssessment", "drop_draft", "finish", "grade", "keep_draft"]


#: Within this time the same answers of the same rep are the same assessment.
TWICE = timedelta(minutes=1)


class UnknownAssessment(LookupError):
    """The policy in force has no such questionnaire, or it is not for this lead."""


class Incomplete(Exception):
    """Questions that must be answered are not; ``missing`` names them, in their order."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(", ".join(missing))
        self.missing = missing


def grade(caller: Caller, template: str, answers: Mapping[str, str]) -> Graded:
    """What these answers come to by the policy in force; nothing is written. Raises `UnknownAssessment` and `assess.UnknownAnswer`."""
    active = policies.active(caller.workspace_id)
    questionnaire = active.book.policy.assessments.get(template) if active is not None else None
    if questionnaire is None:
        raise UnknownAssessment(template)
    return assess.grade(questionnaire, answers)


def keep_draft(
    caller: Caller, lead_id: UUID, template: str, answers: Mapping[str, str], now: datetime
) -> Graded | Refused | None:
    """Keep what the rep who has the lead has filled in so far, in place of what was kept before; what it comes to by now.

    ``None``: there is no such lead. Raises `UnknownAssessment` and `assess.UnknownAnswer`.
    """
    found: list[Graded] = []

    def decide(scene: Scene) -> None:
        found.append(assess.grade(_questionnaire(scene, template), answers))
        _keep(scene, template, answers, found[0])

    answer = act(caller, lead_id, now, decide, kind="filled_in", claim=None)
    return found[0] if found else answer if isinstance(answer, Refused) else None


def drop_draft(caller: Caller, lead_id: UUID, template: str) -> bool:
    """Throw away what the caller had filled in of it; whether there was something."""
    enter(caller.workspace_id)
    gone, _ = _drafts(caller, lead_id, template).delete() if is_name(template) else (0, {})
    return bool(gone)


def finish(
    caller: Caller,
    lead_id: UUID,
    template: str,
    answers: Mapping[str, str],
    now: datetime,
    *,
    claim: UUID | None = None,
) -> Answer:
    """The rep who has the lead is done with the questionnaire: it is on record, counts as a contact, and the lead goes where it leads to.

    Raises `UnknownAssessment`, `assess.UnknownAnswer` and `Incomplete`; then nothing is written.
    """

    def decide(scene: Scene) -> Outcome | None:
        if _just_done(scene, template, answers):
            return None
        graded = assess.grade(_questionnaire(scene, template), answers)
        if graded.missing:
            raise Incomplete(graded.missing)
        _keep(scene, template, answers, graded, finished_at=now)
        return _assessed(scene, template, graded)

    return act(caller, lead_id, now, decide, kind="assessed", claim=claim)


def _just_done(scene: Scene, template: str, answers: Mapping[str, str]) -> bool:
    """Whether the caller has finished the very same a moment ago: a button pressed twice is one assessment."""
    # Compared here, not there: what is sent may hold what the database keeps in no text.
    lately = Assessed.objects.filter(
        workspace_id=scene.caller.workspace_id,
        lead_id=scene.row["id"],
        by_id=scene.caller.user_id,
        finished_at__gt=scene.now - TWICE,
    )
    return any(each.template == template and each.answers == answers for each in lately)


def _questionnaire(scene: Scene, template: str) -> Assessment:
    """The questionnaire, if it is for this lead, or was when the caller began to fill it in."""
    found = scene.active.book.policy.assessments.get(template) if scene.active is not None else None
    if scene.active is None or found is None:
        raise UnknownAssessment(template)
    for_such = assess.offered(scene.active.book, lead_facts(scene.row), _account(scene), scene.now)
    if template not in for_such and not _drafts(scene.caller, scene.row["id"], template).exists():
        raise UnknownAssessment(template)
    return found


def _drafts(caller: Caller, lead_id: UUID, template: str) -> Any:
    return Assessed.objects.filter(
        workspace_id=caller.workspace_id,
        lead_id=lead_id,
        template=template,
        by_id=caller.user_id,
        finished_at__isnull=True,
    )


def _keep(
    scene: Scene, template: str, answers: Mapping[str, str], graded: Graded, *, finished_at: datetime | None = None
) -> None:
    """Write the draft, or make it the finished thing. The lead is locked, so that one rep's windows take turns."""
    filled = {
        "policy_version": scene.active.number if scene.active else None,
        "answers": dict(answers),
        "score": graded.score,
        "verdict": graded.leads_to,
        "at": scene.now,
        "finished_at": finished_at,
    }
    if not _drafts(scene.caller, scene.row["id"], template).update(**filled):
        Assessed.objects.create(
            workspace_id=scene.caller.workspace_id,
            lead_id=scene.row["id"],
            template=template,
            by_id=scene.caller.user_id,
            **filled,
        )


def _assessed(scene: Scene, template: str, graded: Graded) -> Outcome:
    """The contact that it is, with the score that the lead has now, and what comes after it."""
    assert scene.active is not None
    spoken = contacted(scene, assess.assessed(template, graded))
    told = {"assessment": graded.score, "assessed": graded.leads_to}
    why = assess.gives_up(graded.verdict)
    if why is not None:
        then = _after(scene, spoken, told, follow_up_at=None)
        return _second(scene, spoken, retired(then, why, ""))
    if graded.verdict.hand_over is not None:
        then = _after(scene, spoken, told, follow_up_at=None)
        goes = _handed_over(then, template, graded, scene)
        # The route scores it once more, and says what the contact has said.
        goes.reasons = tuple(reason for reason in goes.reasons if reason not in spoken.reasons)
        return _second(scene, spoken, goes)
    return _stays(scene, spoken, told, graded)


def _stays(scene: Scene, spoken: Outcome, told: dict[str, object], graded: Graded) -> Outcome:
    """It is its rep's to go on with; unless what is known of it now makes it somebody else's, as any new fact may."""
    assert scene.active is not None
    if graded.verdict.follow_up is not None:
        at = scene.now + graded.verdict.follow_up
        spoken.changes = {**spoken.changes, "follow_up_at": at}
        spoken.reasons = (*spoken.reasons, Reason("follow_up_set", {"at": at.isoformat()}))
    row = _row_after(spoken)
    looked, roster = looked_at(
        scene.active,
        row,
        Told(told),
        scene.known,
        _account(scene),
        scene.clock.passed_over,
        scene.known.roster,
        scene.now,
    )
    looked.reasons = tuple(reason for reason in looked.reasons if reason.code != "enriched")
    if looked.kind == "enriched":
        spoken.changes = {**spoken.changes, **looked.changes}
        spoken.reasons = (*spoken.reasons, *looked.reasons)
        return spoken
    spoken.changes = {**spoken.changes, **told}
    looked.lead = _row_after(spoken)
    scene.turns_after = roster
    return _second(scene, spoken, looked)


def _handed_over(then: Scene, template: str, graded: Graded, scene: Scene) -> Outcome:
    """Off its rep, and on by the verdict's way, or by the policy's route, which knows what the assessment came to."""
    assert then.active is not None
    seed = seed_for(then.row, then.active.digest)
    moved, scene.turns_after = reassign.handed_on(
        then.active.book,
        lead_facts(then.row),
        _account(then),
        then.clock,
        then.known.roster,
        then.now,
        seed,
        assess.handed_over(template, graded),
        to=assess.way_of(graded.verdict),
    )
    after = consequences.moved(then.clock, moved, then.now)
    return Outcome(
        lead=then.row,
        kind=moved.kind,
        changes=placing(moved.placement, after, then.known, by=moved.kind),
        reasons=moved.placement.reasons,
        rep=then.known.ids[after.owner] if after.owner else then.held_by,
        actor=then.caller.actor,
        felt=consequences.felt(then.clock, after, then.now, then.known.day, score=then.chosen_score()),
        passed_over=(then.held_by, "moved") if then.held_by else None,
        seed=seed,
    )


def _after(scene: Scene, spoken: Outcome, told: dict[str, object], *, follow_up_at: datetime | None) -> Scene:
    """The scene after the contact, with what the lead scores now among what that wrote."""
    assert scene.active is not None
    facts = lead_facts(scene.row | told)
    scored = qualify(scene.active.book, facts, _account(scene), scene.now)
    spoken.changes = {
        **spoken.changes,
        **told,
        "score": scored.score,
        "rank": scored.rank,
        "likelihood": scored.likelihood,
        "follow_up_at": follow_up_at,
    }
    spoken.reasons = (*spoken.reasons, *scored.reasons)
    clock = consequences.contacted(scene.clock, scene.now)
    return Scene(scene.caller, _row_after(spoken), scene.active, scene.known, scene.now, clock)


def _row_after(outcome: Outcome) -> Row:
    """The lead as this decision left it."""
    return {**outcome.lead, **outcome.changes, "version": outcome.lead["version"] + 1}


def _second(scene: Scene, spoken: Outcome, then: Outcome) -> Outcome:
    """Answer the act with ``then``, the contact before it. Standings feel both at once: they are locked last, and one time only."""
    then.felt, spoken.felt = (*spoken.felt, *then.felt), ()
    scene.before.append(spoken)
    return then


def _account(scene: Scene) -> AccountFacts | None:
    account = scene.row["account_id"]
    return accounts_by_id(scene.caller.workspace_id, [account]).get(account)
