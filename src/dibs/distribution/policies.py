"""Policies as published: numbered, immutable, one of them active in each workspace, and at most one announced for later.

Publishing takes turns on the workspace's row, so two people who publish at once get two versions one after the other, and the
later one counts. Going back publishes the older text anew. What is announced comes into force by the tick, at its moment.

What comes next was written against what is active: a policy that is published meanwhile, at once or for another moment, takes
the announcement back. Those who had been told of a change are told so. One whose moment has come is no announcement any more, also
if the tick has not seen it yet: it comes into force first.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils.timezone import now as moment
from procrastinate.contrib.django import app

from dibs.delivery.outbox import post
from dibs.delivery.wake import wake
from dibs.distribution import announcing, results, sooner, tiering
from dibs.distribution.models import PolicyVersion, ScoreModel
from dibs.distribution.rulebooks import Active, active, policy_of, rulebook
from dibs.engine import announcing as announced
from dibs.engine import policy as documents
from dibs.engine.calendar import local_day
from dibs.engine.policy import Checked, People, Policy, PolicyRefused, Problem
from dibs.engine.policy_terms import written
from dibs.people.models import Rep, Team, User, Workspace
from dibs.people.tenancy import enter

__all__ = [
    "HORIZON", "MOVE_OVER", "Active", "TooSudden", "UnknownVersion", "active", "cancel_pending", "check", "come_into_force", "pending", "policy_of",
    "publish", "rollback", "rulebook",
]  # fmt: skip

#: The job that moves leads over the borders that a policy moved, by the name that it has in the queue.
MOVE_OVER = "move_over_borders"
#: What takes effect from then on is a slip of the pen; near the year 10,000 a moment can't even be told in every reader's zone.
HORIZON = datetime(2200, 1, 1, tzinfo=UTC)


class UnknownVersion(Exception):
    """The workspace has no policy version of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no policy version {number}")
        self.number = number


class TooSudden(PolicyRefused):
    """The active policy wants tighter rules announced ahead. ``earliest`` is when this one may take effect if announced now."""

    def __init__(self, problem: Problem, earliest: datetime) -> None:
        super().__init__((problem,))
        self.earliest = earliest


def check(workspace_id: UUID, text: str) -> Checked:
    """Check a policy's text, also against the workspace's teams and reps. The connection must be in the workspace."""
    return documents.check(text, _people(workspace_id))


def pending(workspace_id: UUID) -> PolicyVersion | None:
    """The version that is announced and not in force yet."""
    return PolicyVersion.objects.filter(workspace_id=workspace_id, pending=True).first()


def publish(
    workspace_id: UUID,
    text: str,
    by: User | None,
    note: str = "",
    effective_from: datetime | None = None,
    *,
    move: bool = False,
    now: datetime | None = None,
) -> PolicyVersion:
    """Make this text the active policy, or announce it for ``effective_from`` if that lies ahead; tell so in the outbox, and the reps
    whose rules change. ``move``: as it comes into force, open leads move that by its territories belong to others than before
    (`dibs.distribution.borders`). ``now``: the moment of publishing, if it is not this one.

    The same policy as the active one is no new version; nor is the same announcement twice. Raises `PolicyRefused` if it has
    errors or an example fails, and `TooSudden` if it tightens rules sooner than the active policy's ``fair_play.notice`` allows;
    then nothing changes.
    """
    enter(workspace_id)
    checked = check(workspace_id, text)
    if checked.policy is None or not checked.ok:
        raise PolicyRefused(checked.problems)
    policy, at = checked.policy, now or moment()
    come_into_force(workspace_id, at)
    later = effective_from if effective_from is not None and effective_from > at else None
    digest = documents.digest(policy)
    with transaction.atomic():
        versions = _my_turn(workspace_id)
        current, coming = versions.filter(active=True).first(), versions.filter(pending=True).first()
        if current is not None and current.digest == digest:
            return current
        if coming is not None and (coming.digest, coming.effective_from) == (digest, later):
            if coming.moves_leads != move:
                coming.moves_leads = move
                coming.save(update_fields=["moves_leads"])
            return coming
        before = policy_of(current) if current is not None else None
        expected = policy_of(coming) if coming is not None else None
        _keep_notice(
            before, policy, at, later or at, (expected, coming.effective_from) if coming and expected else None
        )
        latest = versions.order_by("-number").values_list("number", flat=True).first() or 0
        if coming is not None:
            _take_back(coming, at)
        version = PolicyVersion(
            workspace_id=workspace_id,
            number=latest + 1,
            name=policy.policy,
            source=text,
            document=json.loads(documents.canonical(policy)),
            digest=digest,
            pending=later is not None,
            effective_from=later or at,
            moves_leads=move,
            note=note[:500],
            published_at=at,
            published_by=by,
        )
        if later is not None:
            version.save(force_insert=True)
            post(
                workspace_id,
                [("policy.announced", None, _payload(version) | {"effective_from": later.isoformat()})],
                at,
            )
        else:
            version.active = True
            _put_in_force(version, current, before, policy, at)
        was_told = announcing.told(workspace_id, before, expected, coming.effective_from) if coming and expected else {}
        announcing.tell(
            workspace_id,
            was_told,
            announcing.told(workspace_id, before, policy, later or at),
            at,
            ahead=later is not None,
        )
        transaction.on_commit(partial(wake, workspace_id))
    return version


def rollback(
    workspace_id: UUID,
    number: int,
    by: User | None,
    effective_from: datetime | None = None,
    *,
    now: datetime | None = None,
) -> PolicyVersion:
    """Publish an older version's text anew; if it is the active one already, nothing changes.

    Raises `UnknownVersion`, `PolicyRefused` if this version of Dibs no longer accepts the text, and `TooSudden`.
    """
    enter(workspace_id)
    older = PolicyVersion.objects.filter(workspace_id=workspace_id, number=number).first()
    if older is None:
        raise UnknownVersion(number)
    return publish(workspace_id, older.source, by, f"Back to version {number}", effective_from, now=now)


def cancel_pending(workspace_id: UUID, *, now: datetime | None = None) -> PolicyVersion | None:
    """Take back what is announced, and tell those who had been told; ``None`` if nothing is."""
    enter(workspace_id)
    at = now or moment()
    come_into_force(workspace_id, at)
    with transaction.atomic():
        versions = _my_turn(workspace_id)
        coming = versions.filter(pending=True).first()
        if coming is None:
            return None
        current = versions.filter(active=True).first()
        before = policy_of(current) if current is not None else None
        was_told = announcing.told(workspace_id, before, policy_of(coming), coming.effective_from)
        _take_back(coming, at)
        announcing.tell(workspace_id, was_told, {}, at, ahead=False)
        transaction.on_commit(partial(wake, workspace_id))
    return coming


def come_into_force(workspace_id: UUID, now: datetime) -> PolicyVersion | None:
    """Make the announced version the active one if its moment has come. One look-up in an index of one row where nothing is due.

    Several workers may ask at once: one does it. Call it outside a transaction, the connection in the workspace.
    """
    due = PolicyVersion.objects.filter(workspace_id=workspace_id, pending=True, effective_from__lte=now)
    if not due.order_by().values_list("id", flat=True)[:1]:
        return None
    with transaction.atomic():
        versions = _my_turn(workspace_id)
        version = due.first()
        if version is None:
            return None
        current = versions.filter(active=True).first()
        version.active, version.pending = True, False
        _put_in_force(version, current, policy_of(current) if current is not None else None, policy_of(version), now)
        transaction.on_commit(partial(wake, workspace_id))
    return version


def _my_turn(workspace_id: UUID) -> QuerySet[PolicyVersion]:
    """The workspace's versions, once no other publisher is at work; until the transaction ends none is."""
    # No key is changed, so those who only refer to the workspace need not wait.
    Workspace.objects.select_for_update(no_key=True).get(id=workspace_id)
    return PolicyVersion.objects.filter(workspace_id=workspace_id)


def _put_in_force(
    version: PolicyVersion, current: PolicyVersion | None, before: Policy | None, policy: Policy, now: datetime
) -> None:
    """Make the version the active one in place of ``current``: what it wants done sooner will be due sooner, and where its tiers are
    others, reps are looked at at once."""
    if current is not None:
        PolicyVersion.objects.filter(id=current.id).update(active=False)
    version.borders_on = local_day(policy.timezone, now)
    version.save()
    post(version.workspace_id, [("policy.published", None, _payload(version))], now)
    if version.moves_leads and current is not None:
        app.configure_task(MOVE_OVER).defer(
            workspace=str(version.workspace_id), replaced=str(current.id), version=str(version.id)
        )
    if current is not None and before is not None:
        sooner.follow(version.workspace_id, current.id, before, policy, now)
    results.follow(version.workspace_id, before, policy)
    if before is None or (policy.tiers, policy.tiering) != (before.tiers, before.tiering):
        tiering.retier_all(version.workspace_id, now, at_once=True)


def _take_back(coming: PolicyVersion, now: datetime) -> None:
    coming.pending, coming.cancelled_at = False, now
    coming.save(update_fields=["pending", "cancelled_at"])
    post(
        coming.workspace_id,
        [("policy.cancelled", None, _payload(coming) | {"effective_from": coming.effective_from.isoformat()})],
        now,
    )


def _keep_notice(
    before: Policy | None,
    policy: Policy,
    now: datetime,
    effective_from: datetime,
    expected: tuple[Policy, datetime] | None,
) -> None:
    """Raise `TooSudden` if rules are tightened sooner than the active policy allows.

    What reps have been told of already, for the same moment or an earlier one, needs no second notice: a mistake elsewhere in
    what is announced can be put right without beginning anew.
    """
    earliest = announced.earliest(before, policy, now)
    if earliest is None or effective_from >= earliest:
        return
    tighter = {change for change in announced.changes(before, policy) if change.tighter}
    if expected is not None and effective_from >= expected[1]:
        tighter -= set(announced.changes(before, expected[0]))
    if not tighter:
        return
    assert before is not None
    assert before.fair_play.notice is not None
    rules = ", ".join(sorted(change.rule for change in tighter))
    problem = Problem(
        "too_sudden",
        f"the policy in force has tighter rules announced {written(before.fair_play.notice)} ahead, and this one tightens {rules}: "
        f"it may take effect from {earliest.isoformat(timespec='seconds')}",
        path="fair_play.notice",
    )
    raise TooSudden(problem, earliest)


def _payload(version: PolicyVersion) -> dict[str, str | int | None]:
    by = version.published_by
    return {"number": version.number, "name": version.name, "digest": version.digest, "by": by.name if by else None}


def _people(workspace_id: UUID) -> People:
    teams = Team.objects.filter(workspace_id=workspace_id).annotate(active=Count("reps", filter=Q(reps__active=True)))
    reps = Rep.objects.filter(workspace_id=workspace_id, active=True)
    return People(
        teams=dict(teams.values_list("slug", "active")),
        reps=frozenset(reps.values_list("handle", flat=True)),
        model=ScoreModel.objects.filter(workspace_id=workspace_id, active=True).exists(),
    )
