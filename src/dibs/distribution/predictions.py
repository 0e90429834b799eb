"""Models that predict how likely leads are to convert: learnt when somebody asks, kept by number, switched on and off by a person.

Nothing is switched on by itself: a model that is learnt is there to be looked at, beside what the points are worth. Switched on, it
says of every lead that is qualified how likely it is to convert; open leads are looked at again by a job, a few at a time. One that is
switched off can be switched on again: a model is never changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, Q
from procrastinate.contrib.django import app

from dibs.crm.arrival import Enrichment
from dibs.delivery.outbox import post
from dibs.distribution import policies
from dibs.distribution.models import ScoreModel
from dibs.distribution.rulebooks import switched_on
from dibs.distribution.touching import look_again
from dibs.engine.decision import Reason
from dibs.engine.forgetting import ERASED
from dibs.engine.lifecycle import ENDED
from dibs.people.models import Workspace
from dibs.people.tenancy import enter

#: The jobs that learn, and that look at open leads again, by the names that they have in the queue.
LEARN, RESCORE = "learn_scores", "rescore_leads"
#: A model that is not learnt so long after it was asked for never will be: its worker is gone.
OVERDUE = timedelta(hours=2)
#: Leads in one transaction when all are looked at again: who claims one of them waits meanwhile, for about a tenth of a second.
BATCH = 200
#: When the job comes once more: for leads placed by a transaction that had looked for a model before and ended after.
LOOK_AGAIN = timedelta(minutes=1)
#: Facts that can be left out, and how many of them.
_LONGEST_NAME, MOST_LEFT_OUT = 120, 50

_GOING = ("waiting", "learning")

#: Told of each step, as it begins.
Tell = Callable[[str], None]


class UnknownModel(Exception):
    """The workspace has no model of this number."""


class NotReady(Exception):
    """The model is not learnt, so that it could be switched on."""


def ask(
    workspace_id: UUID, by: UUID | None, now: datetime, without: Collection[str] = (), *, at_once: bool = False
) -> ScoreModel:
    """Have a model learnt by a worker, leaving out the facts ``without``. If one is being learnt, that is the answer.

    ``at_once``: the caller means to `learn` it now.
    """
    enter(workspace_id)
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(id=workspace_id)
        models = ScoreModel.objects.filter(workspace_id=workspace_id)
        models.filter(state__in=_GOING, asked_at__lt=now - OVERDUE).update(
            state="failed", problem="overdue", finished_at=now
        )
        going = models.filter(state__in=_GOING).order_by("-number").first()
        if going is not None:
            return going
        number = (models.aggregate(last=Max("number"))["last"] or 0) + 1
        left_out = sorted({name[:_LONGEST_NAME] for name in without})[:MOST_LEFT_OUT]
        asked = ScoreModel.objects.create(
            workspace_id=workspace_id, number=number, by_id=by, asked_at=now, measures={"without": left_out}
        )
        if not at_once:
            app.configure_task(LEARN).defer(workspace=str(workspace_id), model=str(asked.id))
    return asked


def learn(
    workspace_id: UUID, model_id: UUID, now: Callable[[], datetime], tell: Tell = lambda step: None
) -> ScoreModel:
    """Learn the model that was asked for; done already, it is the answer as it is. Call it outside a transaction: whoever looks sees
    how far it is. What fails is noted, and raised."""
    # What learns brings half of scientific Python: only the process that learns is to wait for it, and to hold it.
    from dibs.distribution import endings, learning

    enter(workspace_id)
    asked = ScoreModel.objects.get(workspace_id=workspace_id, id=model_id)
    if asked.state not in _GOING:
        return asked
    without = asked.measures.get("without", [])

    def step(name: str) -> None:
        ScoreModel.objects.filter(id=model_id).update(measures={"without": without, "step": name})
        tell(name)

    try:
        ScoreModel.objects.filter(id=model_id).update(state="learning")
        step("reading")
        past = list(endings.endings(workspace_id, policies.active(workspace_id), now()))
        learnt = learning.learn(past, without, step)
    except learning.TooLittle as little:
        lacking = {"without": without, "lacks": {"code": little.code, "have": little.have, "need": little.need}}
        _finish(asked, "too_little", now(), measures=lacking)
    except Exception:
        _finish(asked, "failed", now(), problem="failed", measures={"without": without})
        raise
    else:
        _finish(
            asked,
            "ready",
            now(),
            document=learnt.document,
            measures={**learnt.measures, "without": without},
            learnt_from=learnt.since,
            learnt_until=learnt.until,
        )
    return asked


def _finish(asked: ScoreModel, state: str, at: datetime, **given: object) -> None:
    asked.state, asked.finished_at = state, at
    for name, value in given.items():
        setattr(asked, name, value)
    asked.save(update_fields=["state", "finished_at", *given])


def switch_on(workspace_id: UUID, number: int, by: str | None, now: datetime) -> ScoreModel:
    """Let this model say how likely leads are to convert, in place of the one that did. Raises `UnknownModel` and `NotReady`."""
    enter(workspace_id)
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(id=workspace_id)
        models = ScoreModel.objects.filter(workspace_id=workspace_id)
        wanted = models.filter(number=number).first()
        if wanted is None:
            raise UnknownModel
        if wanted.state != "ready":
            raise NotReady
        if wanted.active:
            return wanted
        models.filter(active=True).update(active=False)
        models.filter(id=wanted.id).update(active=True)
        wanted.active = True
        _switched(workspace_id, "score_model.on", wanted, by, now)
    return wanted


def switch_off(workspace_id: UUID, number: int, by: str | None, now: datetime) -> ScoreModel:
    """Let no model say anything, if it is this one that does: points count again. Raises `UnknownModel`."""
    enter(workspace_id)
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(id=workspace_id)
        models = ScoreModel.objects.filter(workspace_id=workspace_id)
        wanted = models.filter(number=number).first()
        if wanted is None:
            raise UnknownModel
        if wanted.active:
            models.filter(id=wanted.id).update(active=False)
            wanted.active = False
            _switched(workspace_id, "score_model.off", wanted, by, now)
    return wanted


def _switched(workspace_id: UUID, event: str, model: ScoreModel, by: str | None, now: datetime) -> None:
    post(workspace_id, [(event, None, {"number": model.number, "by": by})], now)
    for wait in (timedelta(0), LOOK_AGAIN):
        app.configure_task(RESCORE, schedule_in={"seconds": wait.total_seconds()} if wait else None).defer(
            workspace=str(workspace_id), model=str(model.id) if model.active else ""
        )


def rescore(workspace_id: UUID, model_id: UUID | None, now: Callable[[], datetime]) -> int:
    """Look at every open lead again by the model that was switched on, or without one; returns how many. A few at a time, each few in
    a transaction of their own, in the order of their ids. If another one has been switched since, its own job does it.

    Leads that wait are placed anew, as new facts would have them be; those that somebody has get their score and stay. Done again after
    a crash, leads that were looked at by this model already are passed by.
    """
    enter(workspace_id)
    number = None if model_id is None else ScoreModel.objects.values_list("number", flat=True).get(id=model_id)
    reason = Reason("rescored", {"model": number})
    done, beyond = 0, UUID(int=0)
    while switched_on(workspace_id) == model_id:
        ids = _next(workspace_id, beyond, number)
        active = policies.active(workspace_id)
        if not ids or active is None:
            break
        with transaction.atomic():
            changes = [Enrichment(lead, {}, because=reason) for lead in ids]
            done += len(look_again(workspace_id, active, changes, now()))
        beyond = ids[-1]
    return done


def _next(workspace_id: UUID, beyond: UUID, number: int | None) -> list[UUID]:
    """The next open leads by id, without those whose last decision says that the model of this number has looked at them; without a
    number, those of which a model said something."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT lead.id FROM crm_lead lead
            WHERE lead.workspace_id = %(workspace)s AND lead.id > %(beyond)s AND NOT lead.state = ANY(%(ended)s)
              AND NOT lead.flags @> ARRAY['{ERASED}']::varchar[]
              AND (%(model)s OR lead.likelihood IS NOT NULL)
              AND NOT (%(model)s AND EXISTS (
                SELECT FROM distribution_decision decision
                WHERE decision.workspace_id = lead.workspace_id AND decision.lead_id = lead.id AND decision.nth = lead.version
                  AND decision.reasons @> %(by_this)s::jsonb))
            ORDER BY lead.id LIMIT {BATCH}
            """,
            {
                "workspace": workspace_id,
                "beyond": beyond,
                "model": number is not None,
                "ended": sorted(ENDED),
                "by_this": json.dumps([{"code": "predicted", "params": {"model": number}}]),
            },
        )
        return [row[0] for row in cursor.fetchall()]


def latest(workspace_id: UUID, limit: int = 50) -> list[ScoreModel]:
    """The latest models, the newest first, and the one that is switched on whatever its age."""
    found = ScoreModel.objects.filter(workspace_id=workspace_id).select_related("by").order_by("-number")
    return list(found.filter(Q(active=True) | Q(number__in=found.values("number")[:limit])))
