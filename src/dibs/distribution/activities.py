"""What is done with a lead, and what is planned: calls, mails, meetings, messages, tasks.

A call, mail, meeting or message that was done with a lead is a contact (`acting.contact`): it stops the clock, whether somebody was
reached or not, since it is the rep who was to act. Who merely leads where the lead is writes down what they did, and no clock of its
rep's stops for it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from dibs.crm.models import Activity, Helper, Lead
from dibs.distribution import acting
from dibs.distribution.merged_into import kept_lead
from dibs.distribution.scene import Answer, Scene, act
from dibs.engine.decision import Reason, Refusal
from dibs.engine.lifecycle import HELD
from dibs.people.caller import Caller
from dibs.people.tenancy import enter, new_id

KINDS = (*acting.CONTACT_KINDS, "task", "other")
OUTCOMES = acting.OUTCOMES

#: The longest text, in characters.
LONGEST = 5_000


def log_activity(
    caller: Caller,
    lead_id: UUID,
    now: datetime,
    *,
    kind: str,
    text: str = "",
    outcome: str = "",
    claim: UUID | None = None,
    new: UUID | None = None,
) -> Answer:
    """Write down what was done just now. ``kind`` is one of `KINDS`, ``outcome`` one of `OUTCOMES` or "", ``new`` is to be its id: there already,
    nothing is done twice. Raises `ValueError` else."""
    said = _fit(kind, text, outcome)
    if kind in acting.CONTACT_KINDS and _works_it(caller, lead_id):
        return acting.contact(caller, lead_id, now, kind=kind, note=said, outcome=outcome, claim=claim, new=new)

    def decide(scene: Scene) -> None:
        if new is None or not Activity.objects.filter(id=new).exists():
            acting.write_done(scene, kind, said, outcome, new=new)

    return act(caller, lead_id, now, decide, kind="noted", claim=claim)


def plan_activity(
    caller: Caller,
    lead_id: UUID,
    now: datetime,
    *,
    kind: str,
    due_at: datetime,
    text: str = "",
    new: UUID | None = None,
) -> Answer:
    """Plan something for a moment, past ones too: what is overdue. It is to be done by who has the lead, else by who plans it.

    Raises `ValueError` as `log_activity`.
    """
    said = _fit(kind, text, "")

    def decide(scene: Scene) -> None:
        if new is not None and Activity.objects.filter(id=new).exists():
            return
        Activity.objects.create(
            id=new or new_id(),
            workspace_id=caller.workspace_id,
            lead_id=lead_id,
            opportunity_id=acting.opportunity_of(scene),
            rep_id=scene.held_by or caller.rep_id,
            by_id=caller.user_id,
            kind=kind,
            text=said,
            due_at=due_at,
            created_at=now,
        )

    return act(caller, lead_id, now, decide, kind="noted", claim=None)


def finish_activity(
    caller: Caller, activity_id: UUID, now: datetime, *, outcome: str = "", text: str | None = None
) -> Answer:
    """What was planned was done; a contact counts as one. Done already, nothing changes.

    Raises `LookupError` where there is no such activity, `ValueError` as `log_activity`.
    """
    planned = _activity(caller, activity_id)
    said = _fit(planned.kind, planned.text if text is None else text, outcome)
    lead_id = _lead_of(planned)
    if planned.done_at is None and planned.kind in acting.CONTACT_KINDS and _works_it(caller, lead_id):
        return acting.contact(caller, lead_id, now, kind=planned.kind, note=said, outcome=outcome, planned=planned.id)

    def decide(scene: Scene) -> None:
        acting.write_done(scene, planned.kind, said, outcome, planned=planned.id)

    return act(caller, lead_id, now, decide, kind="noted", claim=None)


def change_activity(
    caller: Caller,
    activity_id: UUID,
    now: datetime,
    *,
    kind: str | None = None,
    due_at: datetime | None = None,
    text: str | None = None,
) -> Answer:
    """Plan it otherwise. ``None``: as it is. What is done stays as it was done. Raises as `finish_activity`."""
    planned = _activity(caller, activity_id)
    kind = kind or planned.kind
    said = _fit(kind, planned.text if text is None else text, "")

    def decide(scene: Scene) -> Refusal | None:
        still = Activity.objects.filter(id=planned.id, done_at__isnull=True)
        if not still.update(kind=kind, text=said, due_at=due_at or planned.due_at):
            return Refusal((Reason("already_done"),), remedy=Reason("choose_another"))
        return None

    return act(caller, _lead_of(planned), now, decide, kind="noted", claim=None)


def drop_activity(caller: Caller, activity_id: UUID, now: datetime) -> Answer:
    """It is not to be done any more. What is done stays. Raises `LookupError` where there is no such activity."""
    planned = _activity(caller, activity_id)

    def decide(scene: Scene) -> Refusal | None:
        gone, _ = Activity.objects.filter(id=planned.id, done_at__isnull=True).delete()
        return None if gone else Refusal((Reason("already_done"),), remedy=Reason("choose_another"))

    return act(caller, _lead_of(planned), now, decide, kind="noted", claim=None)


def _works_it(caller: Caller, lead_id: UUID) -> bool:
    """Whether the caller has the lead or helps who has it: what they do with its person is a contact."""
    enter(caller.workspace_id)
    if caller.rep_id is None:
        return False
    lead = Lead.objects.filter(workspace_id=caller.workspace_id, id=lead_id, state__in=HELD)
    owners = list(lead.values_list("owner_id", flat=True))
    if not owners:
        return False
    return owners[0] == caller.rep_id or Helper.objects.filter(lead_id=lead_id, rep_id=caller.rep_id).exists()


def _activity(caller: Caller, activity_id: UUID) -> Activity:
    enter(caller.workspace_id)
    found = Activity.objects.filter(workspace_id=caller.workspace_id, id=activity_id, lead__isnull=False).first()
    if found is None:
        raise LookupError(activity_id)
    return found


def _lead_of(activity: Activity) -> UUID:
    """The lead that it is told with."""
    assert activity.lead_id is not None
    return kept_lead(activity.workspace_id, activity.lead_id)


def _fit(kind: str, text: str, outcome: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}")
    if outcome and outcome not in OUTCOMES:
        raise ValueError(f"outcome is one of {', '.join(OUTCOMES)}")
    said = text.replace("\0", "").strip()
    if len(said) > LONGEST:
        raise ValueError(f"a text has {LONGEST} characters at most")
    return said
